using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training.Optimizers;

/// <summary>
/// Muon (Jordan et al. 2024): the update of a matrix [m, n] is its Nesterov momentum made nearly orthogonal by five Newton-Schulz steps, so
/// that all its directions change by about as much.
/// </summary>
/// <remarks>
/// Updates are scaled by 0.2 sqrt(max(m, n)), which gives their entries the size that AdamW's have, so rates and decays of AdamW fit
/// (Liu et al. 2025, "Muon is Scalable for LLM Training"). Moments are float32.
/// </remarks>
/// <param name="parameters">Float32 matrices, or stacks of them, each with its own decay.</param>
/// <param name="productType">Type of the products of the Newton-Schulz steps, which do not need more than bfloat16.</param>
internal sealed class Muon(IReadOnlyList<DecayingParameter> parameters, ScalarType productType) : IDisposable
{
    public const double Momentum = 0.95;

    private readonly List<Tensor> _momenta = [.. parameters.Select(parameter => parameter.Zeros())];

    /// <summary>The momenta, in the order of the parameters and under their names.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Moments =>
        [.. parameters.Zip(_momenta, (parameter, momentum) => ($"{parameter.Name}.momentum_buffer", momentum))];

    /// <summary>
    /// One update. Weight decay and momentum still apply to a parameter without a gradient, and its updates do not become smaller.
    /// </summary>
    /// <param name="gradientScale">Times the gradients: what clips them.</param>
    public void Update(double learningRate, double gradientScale = 1)
    {
        using var noGradient = no_grad();
        using var rate = learningRate.ToScalar();
        using var momentum = Momentum.ToScalar();
        using var scale = gradientScale.ToScalar();
        foreach (var (parameter, average) in parameters.Zip(_momenta))
        {
            using var scope = NewDisposeScope();
            using var decay = parameter.WeightDecay.ToScalar();
            OptimizerScript.Instance.Call(
                "muon", parameter.Parameter, parameter.Gradient(), average, scale, rate, momentum, decay, (int)productType);
        }
    }

    public void Dispose() => _momenta.ForEach(momentum => momentum.Dispose());
}
