using System.Text.Json;

namespace LLaDA.Batch.Shared.Wire;

/// <summary>JSON from outside is not what it should be; the message says what is wrong and where.</summary>
public sealed class InvalidJsonException(string reason) : Exception(reason);

/// <summary>
/// Parses JSON that comes from outside: UTF-8 with or without a byte order mark, no name twice in an object, no unpaired surrogate in any
/// string, at most <see cref="MaxDepth"/> levels.
/// </summary>
public static class StrictJson
{
    public const int MaxDepth = 64;

    private static readonly JsonDocumentOptions s_options = new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };

    /// <exception cref="InvalidJsonException">With the reason and the place, as the rest of a sentence.</exception>
    public static JsonElement Parse(ReadOnlyMemory<byte> json)
    {
        var text = json.Span.StartsWith(ByteOrderMark.Utf8) ? json[ByteOrderMark.Utf8.Length..] : json;
        try
        {
            using var document = JsonDocument.Parse(text, s_options);
            var root = document.RootElement.Clone();
            if (IsText(root))
                return root;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The second look below finds the reason and the place.
        }
        throw new InvalidJsonException(JsonDiagnosis.Of(text.Span));
    }

    /// <summary>Whether all strings can be read: the grammar of JSON allows <c>"\ud800"</c>, half of a surrogate pair.</summary>
    private static bool IsText(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString() is not null,
        JsonValueKind.Array => json.EnumerateArray().All(IsText),
        JsonValueKind.Object => json.EnumerateObject().All(property => property.Name is not null && IsText(property.Value)),
        _ => true,
    };
}
