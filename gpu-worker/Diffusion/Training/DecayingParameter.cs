using TorchSharp.Modules;

namespace LLaDA.Diffusion.Training;

/// <summary>A trained parameter with its weight decay.</summary>
internal sealed record DecayingParameter(string Name, Parameter Parameter, double WeightDecay)
{
    /// <summary>AdamW's two groups: matrices decay, norms and biases do not.</summary>
    public static IReadOnlyList<DecayingParameter> Groups(
        IEnumerable<(string Name, Parameter Parameter)> parameters, double weightDecay) =>
        [.. parameters.Select(entry => new DecayingParameter(entry.Name, entry.Parameter, entry.Parameter.dim() > 1 ? weightDecay : 0))];
}
