using System.Text.Json;
using System.Text.Json.Serialization;

namespace LLaDA.Batch.Client.Answers;

/// <summary>What the fills of gaps consist of: <c>digits</c>, <c>word</c> or <c>sentence</c>.</summary>
[JsonConverter(typeof(Converter))]
public sealed record GapPatterns
{
    private readonly string? _ofAll;
    private readonly IReadOnlyDictionary<int, string>? _byGap;

    /// <summary>One for all gaps.</summary>
    public GapPatterns(string pattern) => _ofAll = pattern;

    /// <summary>By gap, numbered from 0; the others have none.</summary>
    public GapPatterns(IReadOnlyDictionary<int, string> patterns) => _byGap = patterns;

    /// <summary>One for all gaps.</summary>
    public static implicit operator GapPatterns(string pattern) => new(pattern);

    private sealed class Converter : JsonConverter<GapPatterns>
    {
        public override GapPatterns Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.String
                ? new GapPatterns(reader.GetString()!)
                : new GapPatterns(JsonSerializer.Deserialize<Dictionary<int, string>>(ref reader, options)!);

        public override void Write(Utf8JsonWriter writer, GapPatterns value, JsonSerializerOptions options)
        {
            if (value._ofAll is { } pattern)
                writer.WriteStringValue(pattern);
            else
                JsonSerializer.Serialize(writer, value._byGap, options);
        }
    }
}
