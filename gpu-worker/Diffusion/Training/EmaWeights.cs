using LLaDA.Diffusion.Training.Optimizers;
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
        using var scope = NewDisposeScope();
        using var weight = (1 - Math.Min(decay, (1.0 + numUpdates) / (10.0 + numUpdates))).ToScalar();
        Tensor[] weights = [.. parameters.Select(entry => entry.Parameter)];
        OptimizerScript.Instance.CallForList("average", _averages.ToArray(), weights, weight);
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
