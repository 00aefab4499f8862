using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// Focal loss (Lin et al. 2017), an option of Dream's trainer: a cross entropy c becomes scale (1 - exp(-c))^gamma c, so that tokens which
/// are predicted surely count less.
/// </summary>
/// <param name="Gamma">0 changes nothing; else at least 1, below which the gradient of a sure token would not be finite.</param>
/// <param name="Scale">Above 0; 0.25 in Dream's trainer, whose gamma is 2.</param>
public sealed record FocalLoss(double Gamma, double Scale = 1)
{
    /// <summary>Every mistake, as sentences.</summary>
    public IEnumerable<string> Validate()
    {
        if (!(Gamma == 0 || (Gamma >= 1 && double.IsFinite(Gamma))))
            yield return $"the gamma of the focal loss is {Gamma}; it must be 0 or at least 1";
        if (!(Scale > 0 && double.IsFinite(Scale)))
            yield return $"the scale of the focal loss is {Scale}; it must be above 0";
    }

    /// <param name="crossEntropies">[N], float32.</param>
    /// <returns>[N], float32.</returns>
    internal Tensor Of(Tensor crossEntropies)
    {
        using var gamma = Gamma.ToScalar();
        using var scale = Scale.ToScalar();
        var misses = crossEntropies.neg().expm1().neg();                                                         // 1 - p
        return crossEntropies * misses.pow(gamma) * scale;
    }
}
