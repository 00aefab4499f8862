using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>
/// The diffusion parameters, which have the same names at every endpoint. Their defaults are those of the model's family.
/// </summary>
internal static class SamplingParameters
{
    /// <param name="blockLength">The default of a model that sees the whole canvas; null for all of it.</param>
    /// <param name="seed">The default.</param>
    /// <exception cref="LineException">
    /// A value has the wrong type or is out of range, or the model's family does not have the parameter.
    /// </exception>
    public static SamplingOptions Read(RequestBody body, LLaDAConfig config, int? blockLength, ulong seed, TokenSet? forbidden = null)
    {
        var rule = RemaskingParameter.Read(body, config);
        double? factor = body.Number("factor");
        var options = new SamplingOptions
        {
            Steps = body.Integer("steps"),
            BlockLength = body.Integer("block_length"),
            Temperature = body.Number("temperature") ?? 0,
            TopP = body.Number("top_p") ?? 1,
            TopK = body.Integer("top_k"),
            CfgScale = body.Number("cfg_scale") ?? 0,
            Remasking = rule.Remasking,
            RevisionStrength = body.Number("revision_strength"),
            EntropyBound = body.Number("eb_threshold"),
            EndTime = body.Number("eps"),
            AlgTemp = body.Number("alg_temp"),
            Threshold = rule.Threshold(body, isReplaced: factor is not null),
            Factor = factor,
            RunThreshold = body.Number("run_threshold"),
            EditingThreshold = body.Number("editing_threshold"),
            MaxPostSteps = body.Integer("max_post_steps"),
            Cache = body.Name<CachePolicy>("cache"),
            CacheRefresh = body.Integer("cache_refresh"),
            CacheVicinity = body.Integer("cache_vicinity"),
            ForbidsEos = body.Flag("logits_eos_inf") ?? false,
            DefersEos = body.Flag("confidence_eos_eot_inf") ?? false,
            FrequencyPenalty = body.Number("frequency_penalty") ?? 0,
            PresencePenalty = body.Number("presence_penalty") ?? 0,
            Forbidden = forbidden,
            Seed = (ulong?)body.LongInteger("seed") ?? seed,
        };
        if (options.BlockLength is null && !config.Family.IsBlockCausal && !options.IsTimed)
            options = options with { BlockLength = blockLength };
        // What a model does not have is wrong with any value, so it is said first.
        if (FamilySampling.Errors(options, config).FirstOrDefault() is { } missing)
            throw new LineException("unsupported_parameter", missing.Sentence, missing.Parameter);
        if (options.Validate().FirstOrDefault() is { } error)
            throw new LineException("invalid_value", error.Sentence, error.Parameter);
        return options;
    }
}
