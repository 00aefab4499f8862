namespace LLaDA.Diffusion.Evaluation;

/// <summary>How a likelihood is estimated.</summary>
public sealed record LikelihoodOptions
{
    public const int MaxSamples = 65_536;
    public const double MaxCfgScale = 100;

    /// <summary>Mask patterns to average over, 1 to <see cref="MaxSamples"/>. One is exact for an answer of one token.</summary>
    public int NumSamples { get; init; } = 128;

    /// <summary>
    /// Strength w of unsupervised guidance, 0 to <see cref="MaxCfgScale"/>: logits = u + (w + 1)(c - u), u being the prediction with the
    /// prompt masked.
    /// </summary>
    public double CfgScale { get; init; }

    /// <summary>Answers of equal length are judged under the same patterns if they share a seed.</summary>
    public ulong Seed { get; init; }

    /// <summary>Every error of these options; none when a likelihood can be estimated with them.</summary>
    public IEnumerable<OptionError> Validate()
    {
        if (NumSamples is < 1 or > MaxSamples)
            yield return new("num_samples", $"num_samples is {NumSamples}; it must lie in [1, {MaxSamples}]");
        if (CfgScale is not (>= 0 and <= MaxCfgScale))
            yield return new("cfg_scale", $"cfg_scale is {CfgScale}; it must lie in [0, {MaxCfgScale}]");
    }
}
