namespace LLaDA.Batch.Worker.Requests;

/// <summary>The start of an answer, as far as it is certain while the rest is still computed.</summary>
internal static class SettledText
{
    /// <param name="tokens">The first new tokens, none of which changes any more.</param>
    /// <returns>A text with which the answer begins: what a stop text or spaces at the end may still take away is left out.</returns>
    public static string Of(Generation generation, ReadOnlySpan<int> tokens)
    {
        int[] text = tokens.ToArray();
        int end = Array.FindIndex(text, generation.Model.IsEnd);
        bool isWhole = end >= 0 || text.Length == generation.NumNewTokens;
        return Of(generation.Model.Tokenizer.Decode(end >= 0 ? text[..end] : text), isWhole, generation.Stops, generation.IsTrimmed);
    }

    /// <param name="isWhole">Whether no text follows.</param>
    internal static string Of(string text, bool isWhole, IReadOnlyList<string> stops, bool isTrimmed)
    {
        int[] found = [.. stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(index => index >= 0)];
        if (found.Length > 0)
            (text, isWhole) = (text[..found.Min()], true);
        if (!isWhole)
            text = text[..^stops.Select(stop => BegunBy(text, stop)).DefaultIfEmpty(0).Max()];
        return isTrimmed ? text.Trim() : text;
    }

    /// <summary>The length of the longest end of the text with which a stop text begins.</summary>
    private static int BegunBy(string text, string stop)
    {
        int length = Math.Min(text.Length, stop.Length - 1);
        while (length > 0 && !text.EndsWith(stop[..length], StringComparison.Ordinal))
            length--;
        return length;
    }
}
