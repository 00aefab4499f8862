using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training.Optimizers;

/// <summary>A trained parameter with its weight decay.</summary>
internal sealed record DecayingParameter(string Name, Parameter Parameter, double WeightDecay)
{
    /// <summary>Two groups: matrices decay, norms and biases do not.</summary>
    public static IReadOnlyList<DecayingParameter> Groups(
        IEnumerable<(string Name, Parameter Parameter)> parameters, double weightDecay) =>
        [.. parameters.Select(entry => new DecayingParameter(entry.Name, entry.Parameter, entry.Parameter.dim() > 1 ? weightDecay : 0))];

    /// <summary>The gradient, zeros where there is none.</summary>
    public Tensor Gradient() => Parameter.grad ?? zeros_like(Parameter);

    /// <summary>A state of the parameter's shape and type, which no scope frees.</summary>
    public Tensor Zeros() => zeros_like(Parameter).DetachFromDisposeScope();
}
