using System.Text.Json;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>The diffusion parameters, which every endpoint takes under the same names.</summary>
internal static class SamplingParameters
{
    /// <param name="blockLength">Where the line names none; null for the whole canvas.</param>
    /// <param name="seed">Where the line names none.</param>
    /// <exception cref="LineException">A value is of the wrong type or out of range.</exception>
    public static SamplingOptions Read(RequestBody body, int? blockLength, ulong seed, TokenSet? forbidden = null)
    {
        var options = new SamplingOptions
        {
            Steps = body.Integer("steps"),
            BlockLength = body.Integer("block_length") ?? blockLength,
            Temperature = body.Number("temperature") ?? 0,
            TopP = body.Number("top_p") ?? 1,
            CfgScale = body.Number("cfg_scale") ?? 0,
            Remasking = ReadRemasking(body),
            ForbidsEos = body.Flag("logits_eos_inf") ?? false,
            DefersEos = body.Flag("confidence_eos_eot_inf") ?? false,
            Forbidden = forbidden,
            Seed = (ulong?)body.LongInteger("seed") ?? seed,
        };
        if (options.Validate().FirstOrDefault() is { Parameter: { } parameter } fault)
            throw new LineException("invalid_value", fault.Sentence, parameter);
        return options;
    }

    private static Remasking ReadRemasking(RequestBody body)
    {
        if (body.OptionalText("remasking") is not { } name)
            return Remasking.LowConfidence;
        foreach (var remasking in Enum.GetValues<Remasking>())
        {
            if (JsonNamingPolicy.SnakeCaseLower.ConvertName(remasking.ToString()) == name)
                return remasking;
        }
        string known = string.Join(", ", Enum.GetNames<Remasking>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName));
        throw RequestBody.Invalid("remasking", $"must be one of {known}, not '{name}'");
    }
}
