using System.Buffers;
using System.Text;
using System.Text.Json;

namespace LLaDA.Batch.Shared.Wire;

/// <summary>Finds out why a text is not JSON that <see cref="StrictJson"/> takes. Only failures pay for this second look.</summary>
internal static class JsonDiagnosis
{
    /// <returns>The reason and the place, such as <c>the name 'a' comes twice in one object, at byte 9</c>.</returns>
    public static string Of(ReadOnlySpan<byte> text)
    {
        if (ByteOrderMark.IsOther(text))
            return "it is not UTF-8: it begins with the byte order mark of another encoding";
        if (FirstInvalid(text) is { } invalid)
            return $"byte 0x{text[invalid]:X2} is not UTF-8, {Place(text, invalid)}";
        if (text.Trim(" \t\r\n"u8).IsEmpty)
            return "it is empty";
        var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = int.MaxValue });
        try
        {
            return Walk(ref reader, text) ?? "it has a fault";
        }
        catch (JsonException exception)
        {
            return Unexpected(text, OffsetOf(text, exception));
        }
    }

    private static string? Walk(ref Utf8JsonReader reader, ReadOnlySpan<byte> text)
    {
        Stack<HashSet<string>> objects = [];
        while (reader.Read())
        {
            int start = (int)reader.TokenStartIndex;
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && reader.CurrentDepth >= StrictJson.MaxDepth)
                return $"it is nested more than {StrictJson.MaxDepth} levels deep, {Place(text, start)}";
            if (reader.TokenType == JsonTokenType.StartObject)
                objects.Push([]);
            else if (reader.TokenType == JsonTokenType.EndObject)
                objects.Pop();
            if (reader.TokenType is not (JsonTokenType.PropertyName or JsonTokenType.String))
                continue;
            if (Read(ref reader) is not { } value)
                return $"a string has an unpaired surrogate escape (\\ud800-\\udfff), {Place(text, start)}";
            if (reader.TokenType == JsonTokenType.PropertyName && !objects.Peek().Add(value))
                return $"the name '{Excerpt.Of(value)}' comes twice in one object, {Place(text, start)}";
        }
        return null;
    }

    private static string? Read(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string Unexpected(ReadOnlySpan<byte> text, int offset)
    {
        if (offset >= text.Length)
            return $"it ends too early, {Place(text, text.Length)}";
        Rune.DecodeFromUtf8(text[offset..], out var character, out _);
        return $"unexpected {Characters.NameOf(character)}, {Place(text, offset)}";
    }

    /// <summary>JSON's reader counts lines and bytes from 0.</summary>
    private static int OffsetOf(ReadOnlySpan<byte> text, JsonException exception)
    {
        int start = 0;
        for (long line = exception.LineNumber ?? 0; line > 0 && text[start..].IndexOf((byte)'\n') is >= 0 and var end; line--)
            start += end + 1;
        return (int)Math.Min(text.Length, start + (exception.BytePositionInLine ?? 0));
    }

    private static int? FirstInvalid(ReadOnlySpan<byte> text)
    {
        for (int offset = 0; offset < text.Length;)
        {
            if (text[offset] < 0x80)
                offset++;
            else if (Rune.DecodeFromUtf8(text[offset..], out _, out int length) == OperationStatus.Done)
                offset += length;
            else
                return offset;
        }
        return null;
    }

    /// <summary>Lines and bytes count from 1; a text of one line has no need to name it.</summary>
    private static string Place(ReadOnlySpan<byte> text, int offset)
    {
        var before = text[..offset];
        int line = before.Count((byte)'\n') + 1;
        int column = offset - before.LastIndexOf((byte)'\n');
        return line == 1 ? $"at byte {column}" : $"at line {line}, byte {column}";
    }
}
