using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Diffusion.Infilling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>Parameters that say what may fill a gap.</summary>
internal static class GapParameters
{
    private static readonly Dictionary<string, GapPattern> s_patterns =
        Enum.GetValues<GapPattern>().ToDictionary(pattern => JsonNamingPolicy.SnakeCaseLower.ConvertName(pattern.ToString()));

    /// <summary>Adds <c>pattern</c>, <c>choices</c> and the <c>num_samples</c> of these.</summary>
    /// <exception cref="LineException">
    /// A value has another form. Whether it fits the gaps is known to <see cref="InfillDocument"/>.
    /// </exception>
    public static InfillOptions Read(RequestBody body, InfillOptions options)
    {
        options = body.Find("pattern") switch
        {
            null => options,
            { ValueKind: JsonValueKind.String } name => options with { Pattern = Pattern("pattern", name) },
            { ValueKind: JsonValueKind.Object } byGap => options with { Patterns = ByGap.Read(body, "pattern", byGap, Pattern) },
            _ => throw body.Invalid("pattern", "must be a name, or an object with a name for each gap"),
        };
        options = body.Find("choices") switch
        {
            null => options,
            { ValueKind: JsonValueKind.Object } byGap => options with { Choices = ByGap.Read(body, "choices", byGap, Texts) },
            _ => throw body.Invalid("choices", "must be an object with a list of texts for each gap"),
        };
        if (body.Integer("num_samples") is not { } numSamples)
            return options;
        if (options.Choices.Count == 0)
            throw body.Invalid("num_samples", "goes with choices");
        return numSamples is >= 1 and <= InfillOptions.MaxChoiceSamples
            ? options with { ChoiceSamples = numSamples }
            : throw body.Invalid("num_samples", $"is {numSamples}; it must lie in [1, {InfillOptions.MaxChoiceSamples}]");

        GapPattern Pattern(string path, JsonElement value)
        {
            string name = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
            return s_patterns.TryGetValue(name, out var pattern)
                ? pattern
                : throw body.Invalid(path, $"must be one of {string.Join(", ", s_patterns.Keys)}, not '{Excerpt.Of(name)}'");
        }

        IReadOnlyList<string> Texts(string path, JsonElement value) =>
            value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(text => text.ValueKind == JsonValueKind.String)
                ? [.. value.EnumerateArray().Select(text => text.GetString()!)]
                : throw body.Invalid(path, "must be a list of texts");
    }
}
