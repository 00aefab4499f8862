namespace LLaDA.Diffusion.Sampling;

/// <summary>The reverse process of one row. Every row of a batch has its own.</summary>
public sealed record SamplingOptions
{
    public const int MaxSteps = 4096, MaxCacheVicinity = 256;
    public const int DefaultMaxPostSteps = 16;
    public const double MaxPenalty = 2;
    public const double MaxTemperature = 10, MaxCfgScale = 100, DefaultRevisionStrength = 0.5;
    public const double DefaultEntropyBound = 0.35, DefaultEndTime = 1e-3;

    /// <summary>
    /// Denoising steps of the canvas, 1 to <see cref="MaxSteps"/>, shared out among the blocks by their masks; null commits one token a
    /// step.
    /// With <see cref="Threshold"/> or <see cref="Factor"/> this is the most steps that it takes.
    /// In a block-causal model these are the steps of each block, as in its reference.
    /// </summary>
    /// <remarks>
    /// Every block takes at least one step, and no step goes without a commit: a canvas may take more or fewer forward passes than asked.
    /// </remarks>
    public int? Steps { get; init; }

    /// <summary>
    /// Masks of a block, at least 1: the canvas is filled block by block from left to right (semi-autoregressive), in any order inside a
    /// block.
    /// Null makes the whole canvas one block, which is pure diffusion; 1 is autoregressive.
    /// </summary>
    /// <remarks>
    /// In a block-causal model: the tokens of a block, given ones included, which also says what a position sees. Null for the model's own.
    /// </remarks>
    public int? BlockLength { get; init; }

    /// <summary>
    /// 0 takes the most probable token; above, tokens are drawn from softmax(logits / temperature). At most <see cref="MaxTemperature"/>.
    /// </summary>
    public double Temperature { get; init; }

    /// <summary>Draws from the smallest set of tokens that holds this probability, in (0, 1]; without effect at temperature 0.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Draws from this many of the most probable tokens, at least 1; null for all. Without effect at temperature 0.</summary>
    public int? TopK { get; init; }

    /// <summary>
    /// Strength w of unsupervised guidance, 0 to <see cref="MaxCfgScale"/>: logits = u + (w + 1)(c - u), u being the prediction with all
    /// given
    /// tokens masked.
    /// </summary>
    public double CfgScale { get; init; }

    public Remasking Remasking { get; init; }

    /// <summary>
    /// With <see cref="Remasking.Revision"/> only: the share of a block's earlier tokens, in [0, 1], that each step takes back, the least
    /// confident ones first. Null for 0.5; 0 equals <see cref="Remasking.LowConfidence"/>.
    /// </summary>
    public double? RevisionStrength { get; init; }

    /// <summary>
    /// With <see cref="Remasking.EntropyBounded"/> only: what the entropies of a step's commits must stay below together, in nats, above 0.
    /// Null for 0.35.
    /// </summary>
    public double? EntropyBound { get; init; }

    /// <summary>With a rule of the time schedule only: the time at which it ends, in (0, 1). Null for 0.001.</summary>
    public double? EndTime { get; init; }

    /// <summary>
    /// With a rule of the time schedule other than <see cref="Remasking.Origin"/> only: positions are drawn in proportion to
    /// exp(confidence / this) instead of taking the best. 0 or null takes the best.
    /// </summary>
    public double? AlgTemp { get; init; }

    /// <summary>
    /// LLaDA2.1 only: while a block is in work, its committed tokens are replaced where the model prefers another token with a probability
    /// above this, in [0, 1]. Null never edits.
    /// </summary>
    public double? EditingThreshold { get; init; }

    /// <summary>
    /// With <see cref="EditingThreshold"/> only: the most steps that edit a block without masks, at least 0; it ends before once a step
    /// edits nothing. Null for 16.
    /// </summary>
    public int? MaxPostSteps { get; init; }

    /// <summary>
    /// Commits every prediction at least this probable, and never fewer than the schedule's share (Fast-dLLM). At least 0; above 1
    /// nothing qualifies. In a block-causal model: every prediction more probable than this, so that nothing qualifies at 1.
    /// </summary>
    public double? Threshold { get; init; }

    /// <summary>
    /// Commits the r most probable predictions as long as the r-th has at least 1 - factor / (r + 1): the more at once, the surer each
    /// must be
    /// (Fast-dLLM). Above 0.
    /// </summary>
    public double? Factor { get; init; }

    /// <summary>
    /// With <see cref="Threshold"/> only: also commits the best prediction of each run of masks, if it is at least this probable (dInfer's
    /// hierarchical decoding).
    /// </summary>
    public double? RunThreshold { get; init; }

    public CachePolicy Cache { get; init; }

    /// <summary>
    /// With a cache only: denoising steps of a block after which the whole canvas passes again, at least 1; null for once a block. 1
    /// equals no
    /// cache.
    /// </summary>
    public int? CacheRefresh { get; init; }

    /// <summary>
    /// With the dual cache only: tokens on both sides of a block's masks that pass with it, 0 to <see cref="MaxCacheVicinity"/>. Null for
    /// 0.
    /// </summary>
    public int? CacheVicinity { get; init; }

    /// <summary>
    /// Ends the row as soon as an end of text or turn is committed and nothing before it is masked: the targets behind it are filled with
    /// the
    /// end of text without further passes. Changes nothing before that end.
    /// </summary>
    public bool StopsAtEos { get; init; }

    /// <summary>The end of text is never predicted (<c>logits_eos_inf</c> of the reference).</summary>
    public bool ForbidsEos { get; init; }

    /// <summary>
    /// The ends of text and of turn are predicted but committed last (<c>confidence_eos_eot_inf</c> of the reference, at any
    /// temperature).
    /// </summary>
    public bool DefersEos { get; init; }

    /// <summary>
    /// Lowers the logit of a token by this for each of the row's other generated positions that hold it when a step begins, -2 to 2. Ends
    /// of text and of turn do not count. Confidences stay the model's own.
    /// </summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>Lowers the logit of a token by this, once, if any such position holds it, -2 to 2.</summary>
    public double PresencePenalty { get; init; }

    /// <summary>Tokens that are never predicted, besides [MASK] and ids beyond the vocabulary.</summary>
    public TokenSet? Forbidden { get; init; }

    /// <summary>The same seed gives the same draws, independent of other rows.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether a penalty is not 0.</summary>
    public bool PenalizesRepetition => FrequencyPenalty != 0 || PresencePenalty != 0;

    /// <summary>Whether the rule takes its numbers of tokens from Dream's time schedule.</summary>
    public bool IsTimed => Remasking is Remasking.Origin or Remasking.MaskgitPlus or Remasking.TopkMargin or Remasking.Entropy;

    /// <summary>
    /// The options of one of several answers to a prompt: the first has these, the others have seeds of their own, derived from this one.
    /// </summary>
    /// <param name="index">From 0.</param>
    public SamplingOptions OfAnswer(int index) => index == 0
        ? this
        : this with { Seed = new CounterRandom(Seed).Below(ulong.MaxValue, 0, (ulong)index, RandomStream.Answer) };

    /// <summary>
    /// Every error of these options; none when a row can be sampled with them. <see cref="FamilySampling.Errors"/> adds what a model lacks.
    /// </summary>
    public IEnumerable<OptionError> Validate()
    {
        if (Steps is < 1 or > MaxSteps)
            yield return new("steps", $"steps is {Steps}; it must lie in [1, {MaxSteps}]");
        if (BlockLength is < 1)
            yield return new("block_length", $"block_length is {BlockLength}; it must be at least 1");
        if (Temperature is not (>= 0 and <= MaxTemperature))
            yield return new("temperature", $"temperature is {Temperature}; it must lie in [0, {MaxTemperature}]");
        if (TopP is not (> 0 and <= 1))
            yield return new("top_p", $"top_p is {TopP}; it must lie in (0, 1]");
        if (TopK is < 1)
            yield return new("top_k", $"top_k is {TopK}; it must be at least 1");
        if (CfgScale is not (>= 0 and <= MaxCfgScale))
            yield return new("cfg_scale", $"cfg_scale is {CfgScale}; it must lie in [0, {MaxCfgScale}]");
        if (FrequencyPenalty is not (>= -MaxPenalty and <= MaxPenalty))
            yield return new("frequency_penalty", $"frequency_penalty is {FrequencyPenalty}; it must lie in [-{MaxPenalty}, {MaxPenalty}]");
        if (PresencePenalty is not (>= -MaxPenalty and <= MaxPenalty))
            yield return new("presence_penalty", $"presence_penalty is {PresencePenalty}; it must lie in [-{MaxPenalty}, {MaxPenalty}]");
        if (RevisionStrength is { } strength && strength is not (>= 0 and <= 1))
            yield return new("revision_strength", $"revision_strength is {strength}; it must lie in [0, 1]");
        if (Threshold is { } threshold && !(threshold >= 0))
            yield return new("threshold", $"threshold is {threshold}; it must be at least 0");
        if (Factor is { } factor && !(factor > 0))
            yield return new("factor", $"factor is {factor}; it must be above 0");
        if (RunThreshold is { } runThreshold && !(runThreshold >= 0))
            yield return new("run_threshold", $"run_threshold is {runThreshold}; it must be at least 0");
        if (RunThreshold is not null && Threshold is null)
            yield return new("run_threshold", "run_threshold goes with threshold");
        if (Remasking == Remasking.Random && (Threshold ?? Factor) is not null)
            yield return new("remasking", "remasking random commits the schedule's share alone; use threshold and factor without it");
        if (Threshold is not null && Factor is not null)
            yield return new("threshold", "threshold and factor exclude each other: only one of them can decide how much a step commits");
        if (RevisionStrength is not null && Remasking != Remasking.Revision)
            yield return new("revision_strength", "revision_strength goes with remasking revision");
        if (CacheRefresh is not null && Cache == CachePolicy.None)
            yield return new("cache_refresh", "cache_refresh goes with cache prefix or dual");
        if (CacheVicinity is not null && Cache != CachePolicy.Dual)
            yield return new("cache_vicinity", "cache_vicinity goes with cache dual");
        if (CacheRefresh is < 1)
            yield return new("cache_refresh", $"cache_refresh is {CacheRefresh}; it must be at least 1");
        if (CacheVicinity is < 0 or > MaxCacheVicinity)
            yield return new("cache_vicinity", $"cache_vicinity is {CacheVicinity}; it must lie in [0, {MaxCacheVicinity}]");
        foreach (var error in RuleErrors().Concat(EditingErrors()))
            yield return error;
    }

    private IEnumerable<OptionError> RuleErrors()
    {
        if (EntropyBound is { } bound && !(bound > 0))
            yield return new("eb_threshold", $"eb_threshold is {bound}; it must be above 0");
        if (EntropyBound is not null && Remasking != Remasking.EntropyBounded)
            yield return new("eb_threshold", "eb_threshold goes with remasking entropy_bounded");
        if (EndTime is { } end && !(end is > 0 and < 1))
            yield return new("eps", $"eps is {end}; it must lie in (0, 1)");
        if (EndTime is not null && !IsTimed)
            yield return new("eps", "eps goes with remasking origin, maskgit_plus, topk_margin or entropy");
        if (AlgTemp is { } temperature && !(temperature >= 0 && double.IsFinite(temperature)))
            yield return new("alg_temp", $"alg_temp is {temperature}; it must be at least 0");
        if (AlgTemp is not null && (!IsTimed || Remasking == Remasking.Origin))
            yield return new("alg_temp", "alg_temp goes with remasking maskgit_plus, topk_margin or entropy");
        bool isBounded = Remasking is Remasking.Sequential or Remasking.EntropyBounded;
        if (isBounded && (Threshold ?? Factor) is not null)
            yield return new("threshold", "threshold and factor go with remasking low_confidence; the other rules rank by something else");
        if (!IsTimed)
            yield break;
        var unused = new (string Name, bool IsGiven)[]
        {
            ("block_length", BlockLength is not null), ("threshold", Threshold is not null), ("factor", Factor is not null),
            ("cache", Cache != CachePolicy.None), ("confidence_eos_eot_inf", DefersEos),
        };
        foreach (var (name, _) in unused.Where(option => option.IsGiven))
        {
            yield return new(name, $"{name} does not go with remasking origin, maskgit_plus, topk_margin or entropy: "
                + "their time schedule fills the whole canvas");
        }
    }

    private IEnumerable<OptionError> EditingErrors()
    {
        if (EditingThreshold is { } threshold && threshold is not (>= 0 and <= 1))
            yield return new("editing_threshold", $"editing_threshold is {threshold}; it must lie in [0, 1], or be null to never edit");
        if (MaxPostSteps is < 0 or > MaxSteps)
            yield return new("max_post_steps", $"max_post_steps is {MaxPostSteps}; it must lie in [0, {MaxSteps}]");
        if (MaxPostSteps is not null && EditingThreshold is null)
            yield return new("max_post_steps", "max_post_steps goes with editing_threshold");
        if (EditingThreshold is not null && Remasking != Remasking.LowConfidence)
            yield return new("editing_threshold", "editing_threshold goes with remasking low_confidence");
    }
}
