namespace LLaDA.Diffusion.Sampling;

/// <summary>Which predictions a denoising step keeps; all others become [MASK] again.</summary>
public enum Remasking
{
    /// <summary>Keeps those with the highest probability (LLaDA, Algorithm 5).</summary>
    LowConfidence,

    /// <summary>Keeps a random choice (LLaDA, Algorithm 4).</summary>
    Random,

    /// <summary>
    /// Keeps those with the highest probability, and takes back earlier tokens of the block that were committed with the least: they are predicted again from what
    /// has been committed since (after ReMDM and RCR).
    /// </summary>
    Revision,
}

/// <summary>The reverse process of one row. Every row of a batch has its own.</summary>
public sealed record SamplingOptions
{
    public const int MaxSteps = 4096, MaxCacheVicinity = 256;
    public const double MaxTemperature = 10, MaxCfgScale = 100;

    /// <summary>
    /// Denoising steps of the canvas, 1 to <see cref="MaxSteps"/>, shared out among the blocks by their masks; null commits one token a step. Where confidence
    /// lets a step commit more, this is the most that it takes.
    /// </summary>
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

    /// <summary>
    /// With <see cref="Remasking.Revision"/>: the share of a block's earlier tokens, in [0, 1], that each step takes back, the least confident ones first. 0 equals
    /// <see cref="Remasking.LowConfidence"/>.
    /// </summary>
    public double RevisionStrength { get; init; } = 0.5;

    /// <summary>Commits every prediction at least this probable, and never fewer than the schedule's share (Fast-dLLM). At least 0; above 1 nothing qualifies.</summary>
    public double? Threshold { get; init; }

    /// <summary>
    /// Commits the r most probable predictions as long as the r-th has at least 1 - factor / (r + 1): the more at once, the surer each must be (Fast-dLLM). Above 0.
    /// </summary>
    public double? Factor { get; init; }

    /// <summary>Beside <see cref="Threshold"/>: also commits the best prediction of each run of masks, if it is at least this probable (dInfer's hierarchical decoding).</summary>
    public double? RunThreshold { get; init; }

    public CachePolicy Cache { get; init; }

    /// <summary>Denoising steps of a block after which the whole canvas passes again, at least 1; null for once a block. 1 equals no cache.</summary>
    public int? CacheRefresh { get; init; }

    /// <summary>With the dual cache: tokens on both sides of a block's masks that pass along with it, 0 to <see cref="MaxCacheVicinity"/>.</summary>
    public int CacheVicinity { get; init; }

    /// <summary>
    /// Ends the row as soon as an end of text or turn is committed and nothing before it is masked: what follows is filled with the end of text without further
    /// passes. Changes nothing before that end.
    /// </summary>
    public bool StopsAtEos { get; init; }

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
        if (RevisionStrength is not (>= 0 and <= 1))
            yield return ("revision_strength", $"revision_strength is {RevisionStrength}; it must lie in [0, 1]");
        if (Threshold is { } threshold && !(threshold >= 0))
            yield return ("threshold", $"threshold is {threshold}; it must be at least 0");
        if (Factor is { } factor && !(factor > 0))
            yield return ("factor", $"factor is {factor}; it must be above 0");
        if (RunThreshold is { } runThreshold && !(runThreshold >= 0))
            yield return ("run_threshold", $"run_threshold is {runThreshold}; it must be at least 0");
        if (RunThreshold is not null && Threshold is null)
            yield return ("run_threshold", "run_threshold goes with threshold");
        if (Remasking == Remasking.Random && (Threshold ?? Factor) is not null)
            yield return ("remasking", "a random choice commits the schedule's share alone: threshold and factor go with low_confidence");
        if (Threshold is not null && Factor is not null)
            yield return ("threshold", "only one of threshold and factor can decide how much a step commits");
        if (CacheRefresh is < 1)
            yield return ("cache_refresh", $"cache_refresh is {CacheRefresh}; it must be at least 1");
        if (CacheVicinity is < 0 or > MaxCacheVicinity)
            yield return ("cache_vicinity", $"cache_vicinity is {CacheVicinity}; it must lie in [0, {MaxCacheVicinity}]");
    }
}
