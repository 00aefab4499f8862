using System.Diagnostics;
using System.Text.RegularExpressions;
using LLaDA.Diffusion.Text.Unicode;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// Cuts text into words as Hugging Face's Split with behavior Isolated does: each match is a word, and so is what lies between two matches;
/// a further pattern cuts the words of the one before it.
/// </summary>
internal sealed class WordSplitter(IReadOnlyList<Regex> patterns)
{
    /// <summary>For one text. A pattern that needs longer backtracks without end.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    /// <param name="text">Without halves of surrogate pairs.</param>
    /// <exception cref="RegexMatchTimeoutException">The patterns take too long.</exception>
    public IReadOnlyList<Range> Split(string text)
    {
        long started = Stopwatch.GetTimestamp();
        var matched = new AstralText(text);
        List<(int Start, int End)> words = [(0, matched.StandIn.Length)];
        foreach (var pattern in patterns)
        {
            List<(int, int)> cut = new(words.Count);
            foreach (var (start, end) in words)
                Cut(matched.StandIn.AsSpan(start, end - start), start, pattern, started, cut);
            words = cut;
        }
        return [.. words.Select(word => matched.Offset(word.Start)..matched.Offset(word.End))];
    }

    private static void Cut(ReadOnlySpan<char> word, int offset, Regex pattern, long started, List<(int Start, int End)> words)
    {
        int done = 0;
        void Add(int start, int end)
        {
            if (end > start)
                words.Add((offset + start, offset + end));
        }
        foreach (var match in pattern.EnumerateMatches(word))
        {
            Add(done, match.Index);
            done = match.Index + match.Length;
            Add(match.Index, done);
            if (Stopwatch.GetElapsedTime(started) > s_limit)
                throw new RegexMatchTimeoutException(pattern.ToString());
        }
        Add(done, word.Length);
    }
}
