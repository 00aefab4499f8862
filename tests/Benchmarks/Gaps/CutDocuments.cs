using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Benchmarks.Gaps;

/// <summary>A document with one to three of its words cut out.</summary>
/// <param name="Before">The text before the gap.</param>
/// <param name="Length">Tokens of the gap, 1 to 8.</param>
/// <param name="NumTokens">Of the whole document.</param>
internal sealed record CutDocument(string Text, string Before, string Behind, int Length, int NumTokens)
{
    public string WithGap(int? length) => $"{Before}[MASK{(length is null ? "" : $":{length}")}]{Behind}";
}

/// <summary>Cuts one gap from each document, at a place that follows from the seed.</summary>
internal static class CutDocuments
{
    public const int MaxWords = 3, MaxLength = 8;

    /// <param name="file">JSON Lines, as <c>llada-train corpus</c> writes them.</param>
    /// <param name="minTokens">Shorter documents are left out.</param>
    /// <param name="maxTokens">Longer documents are left out.</param>
    public static IEnumerable<CutDocument> Read(string file, LLaDATokenizer tokenizer, int minTokens, int maxTokens, int seed)
    {
        var random = new Random(seed);
        foreach (string text in TextDocuments.Read(file))
        {
            int numTokens = tokenizer.Encode(text).Count + 2;
            if (numTokens >= minTokens && numTokens <= maxTokens && Cut(text, tokenizer, numTokens, random) is { } cut)
                yield return cut;
        }
    }

    /// <summary>At least one word stays on each side.</summary>
    private static CutDocument? Cut(string text, LLaDATokenizer tokenizer, int numTokens, Random random)
    {
        int[] spaces = [.. text.Index().Where(letter => letter.Item == ' ').Select(letter => letter.Index)];
        int numWords = random.Next(1, MaxWords + 1);
        if (spaces.Length <= numWords || text.Contains("[MASK", StringComparison.Ordinal))
            return null;
        int first = random.Next(spaces.Length - numWords);
        int start = spaces[first], end = spaces[first + numWords];
        int length = tokenizer.Encode(text[start..end]).Count;
        return length is >= 1 and <= MaxLength ? new CutDocument(text, text[..start] + " ", text[end..], length, numTokens) : null;
    }
}
