using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// The "mitchell" initialisation of the reference: normal, cut at three standard deviations, with std 1/sqrt(fan in), and the projections that write
/// to the residual stream divided by sqrt(2 * (layer + 1)). Norms are 1, biases 0, the embedding has std 1/sqrt(D).
/// </summary>
public static class Initialization
{
    /// <summary>Draws every weight of the model from the seed; the same seed gives the same weights.</summary>
    public static void Initialize(this MaskPredictor model, long seed)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var random = new Generator((ulong)seed);
        foreach (var (name, parameter) in model.named_parameters())
        {
            if (name.EndsWith("norm.weight", StringComparison.Ordinal) || name == "ln_f.weight")
                parameter.fill_(1);
            else if (name.EndsWith(".bias", StringComparison.Ordinal))
                parameter.fill_(0);
            else
                parameter.copy_(TruncatedNormal(parameter.shape, StandardDeviation(name, parameter.shape[1]), random));
        }
    }

    private static double StandardDeviation(string name, long fanIn)
    {
        string[] parts = name.Split('.');
        bool writesToResidual = parts is ["blocks", _, "attn_out" or "ff_out", _];
        double depth = writesToResidual ? 2.0 * (int.Parse(parts[1]) + 1) : 1;
        return 1 / Math.Sqrt(fanIn * depth);
    }

    /// <summary>By the inverse of the normal distribution function, so that one uniform draw gives one weight.</summary>
    private static Tensor TruncatedNormal(long[] shape, double standardDeviation, Generator random)
    {
        const double withinThreeSigma = 0.9986501019683699;     // Phi(3)
        var uniform = rand(shape, ScalarType.Float64, generator: random);
        var quantile = (uniform * ((2 * withinThreeSigma) - 1)) + (1 - withinThreeSigma);
        return ((quantile * 2) - 1).erfinv() * (Math.Sqrt(2) * standardDeviation);
    }
}
