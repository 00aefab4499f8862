using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Sampling;

/// <summary>Which reverse processes a family has, and what its references use where a request says nothing.</summary>
public static class FamilySampling
{
    /// <summary>
    /// Masks of a block of a new text in a model without blocks of its own; LLaDA's instruction-tuned models work best so.
    /// </summary>
    public const int DefaultBlockLength = 32;

    private static readonly Remasking[] s_canvas = [Remasking.LowConfidence, Remasking.Random, Remasking.Revision];
    private static readonly Remasking[] s_timed = [Remasking.Entropy, Remasking.Origin, Remasking.MaskgitPlus, Remasking.TopkMargin];
    private static readonly Remasking[] s_blocks = [Remasking.LowConfidence, Remasking.Sequential, Remasking.EntropyBounded];

    /// <summary>The rules that a model has; the first is its default.</summary>
    /// <remarks>
    /// Dream has those of LLaDA too, which fill its canvas block by block. Its own default is entropy, with which its authors show it:
    /// the one in its generation_config.json, origin, commits at random.
    /// </remarks>
    public static IReadOnlyList<Remasking> Rules(LLaDAConfig config) =>
        config.Family.IsBlockCausal ? s_blocks : config.Family.ShiftsLogits ? [.. s_timed, .. s_canvas] : s_canvas;

    /// <summary>
    /// The probability above which a step of a block-causal model commits all tokens, as in its reference; null for others.
    /// </summary>
    public static double? DefaultThreshold(LLaDAConfig config) =>
        !config.Family.IsBlockCausal ? null : config.Family == ModelFamilies.Sdar ? 0.85 : 0.95;

    /// <summary>
    /// Whether the model may have been trained to replace tokens that were committed before: LLaDA2.1, whose class is that of 2.0.
    /// </summary>
    public static bool Edits(LLaDAConfig config) => config.Family == ModelFamilies.LLaDA2;

    /// <summary>Every option that a model does not have, besides those of <see cref="SamplingOptions.Validate"/>.</summary>
    public static IEnumerable<OptionError> Errors(SamplingOptions options, LLaDAConfig config)
    {
        var family = config.Family;
        if (!Rules(config).Contains(options.Remasking))
            yield return new("remasking", $"remasking {options.Remasking} is not a rule of {family} models");
        if (options.EditingThreshold is not null && !Edits(config))
            yield return new("editing_threshold", $"editing_threshold is for LLaDA2.1 models; this is one of {family}");
        if (!family.IsBlockCausal)
            yield break;
        if (options.Cache != CachePolicy.None)
        {
            yield return new("cache",
                $"cache does not go with {family} models: they always keep the exact keys and values of finished blocks");
        }
        if (options.DefersEos)
        {
            yield return new("confidence_eos_eot_inf",
                $"confidence_eos_eot_inf does not go with {family} models, which rank by the distribution that they draw from");
        }
        if (options.BlockLength > config.ContextLength)
        {
            yield return new("block_length",
                $"block_length is {options.BlockLength}; a block holds at most the model's context, {config.ContextLength}");
        }
    }
}
