using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// Cuts text into words as Hugging Face's Split with behavior Isolated does: each match is a word, and so is what lies between two matches; a further pattern cuts
/// the words of the one before it.
/// </summary>
/// <remarks>The library's own RegexPreTokenizer drops what its pattern does not match.</remarks>
internal sealed class IsolatingPreTokenizer(IReadOnlyList<Regex> patterns) : PreTokenizer
{
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
        return words;
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
