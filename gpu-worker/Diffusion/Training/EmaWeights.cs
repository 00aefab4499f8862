using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>The exponential moving average of the weights, which often predicts better than the last weights themselves.</summary>
/// <remarks>
/// The decay grows with the updates, min(decay, (1 + n) / (10 + n)), so that the average soon forgets the weights that the run began with.
/// </remarks>
internal sealed class EmaWeights(IReadOnlyList<(string Name, Parameter Parameter)> parameters, double decay) : IDisposable
{
    private readonly List<Tensor> _averages = [.. parameters.Select(entry => entry.Parameter.detach().clone().DetachFromDisposeScope())];

    public IReadOnlyList<(string Name, Tensor Tensor)> Tensors => [.. parameters.Zip(_averages, (entry, average) => (entry.Name, average))];

    /// <param name="numUpdates">Updates that the weights have had, this one included.</param>
    public void Update(int numUpdates)
    {
        using var noGradient = no_grad();
        double kept = Math.Min(decay, (1.0 + numUpdates) / (10.0 + numUpdates));
        using var keptScalar = kept.ToScalar();
        using var newScalar = (1 - kept).ToScalar();
        foreach (var ((_, parameter), average) in parameters.Zip(_averages))
        {
            using var scope = NewDisposeScope();
            average.mul_(keptScalar).add_(parameter, newScalar);
        }
    }

    /// <summary>Exchanges weights and averages; done twice, nothing has changed.</summary>
    public void Swap()
    {
        using var noGradient = no_grad();
        foreach (var ((_, parameter), average) in parameters.Zip(_averages))
        {
            using var scope = NewDisposeScope();
            var weights = parameter.detach().clone();
            parameter.copy_(average);
            average.copy_(weights);
        }
    }

    public void Dispose()
    {
        foreach (var average in _averages)
            average.Dispose();
    }
}
