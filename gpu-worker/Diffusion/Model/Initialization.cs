using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// The "mitchell" initialisation of the reference: normal, truncated at three standard deviations, with std 1/sqrt(fan in), divided by
/// sqrt(2 * (layer + 1)) for projections that write to the residual stream. Norms are 1, biases 0, the embedding has std 1/sqrt(D).
/// </summary>
public static class Initialization
{
    /// <summary>Draws every weight of the model from the seed; the same seed gives the same weights.</summary>
    /// <exception cref="InvalidOperationException">The weights are in 8 bits.</exception>
    public static void Initialize(this MaskPredictor model, long seed)
    {
        WeightTypes.RequireTrainable(model.WeightType);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var random = new Generator((ulong)seed);
        foreach (var (name, parameter) in model.named_parameters())
        {
            if (name.EndsWith("norm.weight", StringComparison.Ordinal) || name == "ln_f.weight")
                parameter.fill_(StaticScalars.One);
            else if (name.EndsWith(".bias", StringComparison.Ordinal))
                parameter.fill_(StaticScalars.Zero);
            else
                parameter.copy_(TruncatedNormal(parameter.shape, StandardDeviation(name, parameter.shape[^1]), random));
        }
    }

    private static double StandardDeviation(string name, long fanIn)
    {
        string[] parts = name.Split('.');
        bool writesToResidual = parts is ["blocks", _, "attn_out" or "ff_out", _] or ["blocks", _, "moe", .., "down_proj", _]
            or ["blocks", _, "moe", "experts", "down_proj"];
        double depth = writesToResidual ? 2.0 * (int.Parse(parts[1]) + 1) : 1;
        return 1 / Math.Sqrt(fanIn * depth);
    }

    /// <summary>Uses the inverse of the normal distribution function, so that one uniform draw gives one weight.</summary>
    private static Tensor TruncatedNormal(long[] shape, double standardDeviation, Generator random)
    {
        const double withinThreeSigma = 0.9973002039367398;     // 2 Phi(3) - 1
        using var twice = (2 * withinThreeSigma).ToScalar();
        using var once = withinThreeSigma.ToScalar();
        using var scale = (Math.Sqrt(2) * standardDeviation).ToScalar();
        return rand(shape, ScalarType.Float64, generator: random).mul(twice).sub(once).erfinv().mul(scale);
    }
}
