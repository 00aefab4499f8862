namespace LLaDA.Diffusion.Training.Bounds;

/// <summary>The likelihood bounds B of the responses of a batch under a model, in nats, added up from those of their rows.</summary>
internal sealed class ResponseBounds(int numResponses)
{
    private readonly double[] _bounds = new double[numResponses];

    public double this[int response] => _bounds[response];

    /// <param name="negative">What <see cref="DiffusionLoss.EvaluateRows"/> makes of the rows.</param>
    public void Add(BoundRows rows, double[] negative)
    {
        foreach (var (row, response) in rows.Responses.Index())
            _bounds[response] -= negative[row];
    }
}
