using System.Globalization;
using LLaDA.Diffusion.Training.Bounds;

namespace LLaDA.Diffusion.Training.Preferences;

/// <summary>How a model learns from preferences: VRPO (LLaDA 1.5, Zhu et al. 2025) with its published values.</summary>
public sealed record PreferenceOptions
{
    public const int MaxSamples = 64;

    /// <summary>How strongly the margin counts, above 0: small values let the policy leave the reference further behind.</summary>
    public double Beta { get; init; } = 0.2;

    /// <summary>n, noised rows of each response, 1 to <see cref="MaxSamples"/>, each with a noise level of its own.</summary>
    public int NumSamples { get; init; } = 8;

    /// <summary>The weight of the denoising loss of the preferred responses, in nats per token, at least 0.</summary>
    public double SftWeight { get; init; } = 0.05;

    /// <summary>
    /// Divides the bound of each response by its length, so that long responses do not count more. The published loss is that of whole
    /// responses.
    /// </summary>
    public bool NormalizesLength { get; init; }

    /// <summary>
    /// Spreads the noise levels of a response evenly and gives them in pairs t and 1 - t with complementary masks: the same expectation
    /// with less variance. False draws each sample independently.
    /// </summary>
    public bool IsAntithetic { get; init; } = true;

    /// <summary>Rows that a pair becomes.</summary>
    internal int RowsOfPair => 2 * NumSamples;

    internal BoundSamples Samples => new(NumSamples, IsAntithetic);

    /// <summary>What checkpoints say is minimised.</summary>
    internal string Objective => string.Create(
        CultureInfo.InvariantCulture,
        $"preferences by beta {Beta}, {NumSamples} {(IsAntithetic ? "antithetic" : "independent")} samples, ")
        + string.Create(CultureInfo.InvariantCulture, $"SFT {SftWeight}{(NormalizesLength ? ", by length" : "")}");

    /// <summary>Every mistake, as sentences.</summary>
    public IEnumerable<string> Validate()
    {
        if (!(Beta > 0 && double.IsFinite(Beta)))
            yield return $"beta is {Beta}; it must lie above 0";
        if (NumSamples is < 1 or > MaxSamples)
            yield return $"the number of samples is {NumSamples}; it must lie in [1, {MaxSamples}]";
        if (!(SftWeight >= 0 && double.IsFinite(SftWeight)))
            yield return $"the weight of the SFT loss is {SftWeight}; it must be at least 0";
    }
}
