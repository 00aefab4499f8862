namespace LLaDA.Diffusion.Sampling;

/// <summary>Which predictions a denoising step keeps; all others become [MASK] again.</summary>
public enum Remasking
{
    /// <summary>Keeps those with the highest probability (LLaDA, Algorithm 5).</summary>
    LowConfidence,

    /// <summary>Keeps a random choice (LLaDA, Algorithm 4).</summary>
    Random,
}

/// <summary>The reverse process of one row. Every row of a batch has its own.</summary>
public sealed record SamplingOptions
{
    public const int MaxSteps = 4096;
    public const double MaxTemperature = 10, MaxCfgScale = 100;

    /// <summary>Denoising steps of the canvas, 1 to <see cref="MaxSteps"/>, shared out among the blocks by their masks; null commits one token a step.</summary>
    /// <remarks>Every block takes at least one step, and no step goes without a commit: a canvas may take more or fewer forward passes than asked.</remarks>
    public int? Steps { get; init; }

    /// <summary>
    /// Masks of a block, at least 1: the canvas is filled block by block from left to right (semi-autoregressive), in any order inside a block.
    /// Null makes the whole canvas one block, which is pure diffusion; 1 is autoregressive.
    /// </summary>
    public int? BlockLength { get; init; }

    /// <summary>0 takes the most probable token; above, tokens are drawn from softmax(logits / temperature). At most <see cref="MaxTemperature"/>.</summary>
    public double Temperature { get; init; }

    /// <summary>Draws from the smallest set of tokens that holds this probability, in (0, 1]; without effect at temperature 0.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Strength w of unsupervised guidance, 0 to <see cref="MaxCfgScale"/>: logits = u + (w + 1)(c - u), u being the prediction with all given tokens masked.</summary>
    public double CfgScale { get; init; }

    public Remasking Remasking { get; init; }

    /// <summary>The end of text is never predicted (<c>logits_eos_inf</c> of the reference).</summary>
    public bool ForbidsEos { get; init; }

    /// <summary>The ends of text and of turn are predicted but committed last (<c>confidence_eos_eot_inf</c> of the reference, at any temperature).</summary>
    public bool DefersEos { get; init; }

    /// <summary>Tokens that are never predicted, besides [MASK] and ids beyond the vocabulary.</summary>
    public TokenSet? Forbidden { get; init; }

    /// <summary>Same seed, same draws, whatever the neighbours do.</summary>
    public ulong Seed { get; init; }

    /// <summary>Every mistake, as a parameter's name and a sentence.</summary>
    public IEnumerable<(string Parameter, string Sentence)> Validate()
    {
        if (Steps is < 1 or > MaxSteps)
            yield return ("steps", $"steps is {Steps}; it must lie in [1, {MaxSteps}]");
        if (BlockLength is < 1)
            yield return ("block_length", $"block_length is {BlockLength}; it must be at least 1");
        if (Temperature is not (>= 0 and <= MaxTemperature))
            yield return ("temperature", $"temperature is {Temperature}; it must lie in [0, {MaxTemperature}]");
        if (TopP is not (> 0 and <= 1))
            yield return ("top_p", $"top_p is {TopP}; it must lie in (0, 1]");
        if (CfgScale is not (>= 0 and <= MaxCfgScale))
            yield return ("cfg_scale", $"cfg_scale is {CfgScale}; it must lie in [0, {MaxCfgScale}]");
    }
}
