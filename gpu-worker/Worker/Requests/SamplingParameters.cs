using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>The diffusion parameters, which have the same names at every endpoint.</summary>
internal static class SamplingParameters
{
    /// <param name="blockLength">The default; null for the whole canvas.</param>
    /// <param name="seed">The default.</param>
    /// <exception cref="LineException">A value has the wrong type or is out of range.</exception>
    public static SamplingOptions Read(RequestBody body, int? blockLength, ulong seed, TokenSet? forbidden = null)
    {
        var options = new SamplingOptions
        {
            Steps = body.Integer("steps"),
            BlockLength = body.Integer("block_length") ?? blockLength,
            Temperature = body.Number("temperature") ?? 0,
            TopP = body.Number("top_p") ?? 1,
            CfgScale = body.Number("cfg_scale") ?? 0,
            Remasking = ReadName<Remasking>(body, "remasking"),
            RevisionStrength = body.Number("revision_strength"),
            Threshold = body.Number("threshold"),
            Factor = body.Number("factor"),
            RunThreshold = body.Number("run_threshold"),
            Cache = ReadName<CachePolicy>(body, "cache"),
            CacheRefresh = body.Integer("cache_refresh"),
            CacheVicinity = body.Integer("cache_vicinity"),
            ForbidsEos = body.Flag("logits_eos_inf") ?? false,
            DefersEos = body.Flag("confidence_eos_eot_inf") ?? false,
            Forbidden = forbidden,
            Seed = (ulong?)body.LongInteger("seed") ?? seed,
        };
        if (options.Validate().FirstOrDefault() is { } error)
            throw new LineException("invalid_value", error.Sentence, error.Parameter);
        return options;
    }

    /// <summary>A name in snake_case; the default is the enum's first value.</summary>
    private static T ReadName<T>(RequestBody body, string parameter)
        where T : struct, Enum
    {
        if (body.OptionalText(parameter) is not { } name)
            return default;
        foreach (var value in Enum.GetValues<T>())
        {
            if (JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()) == name)
                return value;
        }
        string known = string.Join(", ", Enum.GetNames<T>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName));
        throw body.Invalid(parameter, $"must be one of {known}, not '{Excerpt.Of(name)}'");
    }
}
