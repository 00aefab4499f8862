using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// Cuts text into words as Hugging Face's Split with behavior Isolated does: each match is a word, and so is what lies between two matches;
/// a further pattern cuts the words of the one before it.
/// </summary>
/// <remarks>The library's own RegexPreTokenizer drops what its pattern does not match.</remarks>
internal sealed class IsolatingPreTokenizer(IReadOnlyList<Regex> patterns) : PreTokenizer
{
    /// <summary>
    /// Characters after which a word is cut whatever follows: the time of its merges grows with the square of its length.
    /// </summary>
    public const int MaxWord = 2_000;

    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        List<(int Offset, int Length)> words = [(0, text.Length)];
        foreach (var pattern in patterns)
        {
            List<(int, int)> cut = [];
            foreach (var (offset, length) in words)
                Cut(text.Slice(offset, length), pattern, offset, cut);
            words = cut;
        }
        return words.Exists(word => word.Length > MaxWord) ? Bounded(words, text) : words;
    }

    private static List<(int Offset, int Length)> Bounded(List<(int Offset, int Length)> words, ReadOnlySpan<char> text)
    {
        List<(int, int)> bounded = [];
        foreach (var (start, length) in words)
        {
            int offset = start, end = start + length;
            while (end - offset > MaxWord)
            {
                int size = char.IsHighSurrogate(text[offset + MaxWord - 1]) ? MaxWord - 1 : MaxWord;
                bounded.Add((offset, size));
                offset += size;
            }
            bounded.Add((offset, end - offset));
        }
        return bounded;
    }

    private static void Cut(ReadOnlySpan<char> word, Regex pattern, int offset, List<(int Offset, int Length)> words)
    {
        int end = 0;
        void Add(int start, int length)
        {
            if (length > 0)
                words.Add((offset + start, length));
        }
        foreach (var match in pattern.EnumerateMatches(word))
        {
            Add(end, match.Index - end);
            Add(match.Index, match.Length);
            end = match.Index + match.Length;
        }
        Add(end, word.Length - end);
    }
}
