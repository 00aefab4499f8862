using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace LLaDA.Diffusion.Data.Examples;

/// <summary>The JSON of a line of training data; every fault is a <see cref="FormatException"/> whose message is a sentence.</summary>
internal static class ExampleJson
{
    private const int MaxExcerpt = 100;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    /// <param name="read">Gets the line's object.</param>
    public static T Read<T>(ReadOnlyMemory<byte> line, Func<JsonElement, T> read)
    {
        if (line.Span.StartsWith(ByteOrderMark))
            line = line[ByteOrderMark.Length..];    // of a file that was joined to another
        if (!Utf8.IsValid(line.Span))
            throw new FormatException($"it is not valid UTF-8 at byte {ValidBytes(line.Span) + 1}");
        try
        {
            using var json = JsonDocument.Parse(line, s_strict);
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? read(json.RootElement)
                : throw new FormatException("it is not a JSON object");
        }
        catch (JsonException exception)
        {
            throw new FormatException($"it is not valid JSON: {Reason(exception)}", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new FormatException("it has a string with an unpaired surrogate escape (\\ud800-\\udfff)", exception);
        }
    }

    /// <returns>Null where the property is absent, null or an empty list.</returns>
    public static JsonElement? Find(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && !IsAbsent(value) ? value : null;

    public static string Text(JsonElement parent, string name) =>
        Find(parent, name) is not { } value ? throw new FormatException($"{name} is missing")
        : value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw new FormatException($"{name} must be text");

    /// <summary>The content of a message: a text, or a list of parts that are all texts, which are joined.</summary>
    public static string Content(JsonElement message) =>
        Find(message, "content") is { ValueKind: JsonValueKind.Array } parts
            ? string.Concat(parts.EnumerateArray().Select(Part))
            : Text(message, "content");

    /// <summary>Whether an answer has no weight or weight 1; weight 0 keeps it as history.</summary>
    public static bool IsLearnt(JsonElement message)
    {
        if (Find(message, "weight") is not { } weight)
            return true;
        return weight.ValueKind == JsonValueKind.Number && weight.TryGetDouble(out double value) && value is 0 or 1
            ? value == 1
            : throw new FormatException("weight must be 0 or 1");
    }

    public static void RefuseOthers(JsonElement element, params ReadOnlySpan<string> known)
    {
        foreach (var property in element.EnumerateObject())
        {
            if (!known.Contains(property.Name) && !IsAbsent(property.Value))
                throw new FormatException($"'{Excerpt(property.Name)}' is not supported");
        }
    }

    /// <summary>The beginning of a text that a message quotes.</summary>
    public static string Excerpt(string text)
    {
        if (text.Length <= MaxExcerpt)
            return text;
        int end = char.IsHighSurrogate(text[MaxExcerpt - 1]) ? MaxExcerpt - 1 : MaxExcerpt;
        return text[..end] + "...";
    }

    private static string Part(JsonElement part)
    {
        if (part.ValueKind != JsonValueKind.Object)
            throw new FormatException("a part of content must be an object with type 'text'");
        string type = Text(part, "type");
        if (type != "text")
            throw new FormatException($"a part of content has type '{Excerpt(type)}'; only 'text' is supported");
        RefuseOthers(part, "type", "text");
        return Text(part, "text");
    }

    private static bool IsAbsent(JsonElement value) =>
        value.ValueKind == JsonValueKind.Null || (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0);

    /// <summary>The parser's sentence with the place as a byte of the line instead of its path.</summary>
    private static string Reason(JsonException exception)
    {
        string message = exception.Message;
        int place = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        string sentence = Excerpt((place < 0 ? message : message[..place]).TrimEnd('.', ' '));
        return exception.BytePositionInLine is { } position ? $"{sentence}, at byte {position + 1}" : sentence;
    }

    private static int ValidBytes(ReadOnlySpan<byte> bytes)
    {
        int valid = 0;
        while (Rune.DecodeFromUtf8(bytes[valid..], out _, out int length) == System.Buffers.OperationStatus.Done)
            valid += length;
        return valid;
    }
}
