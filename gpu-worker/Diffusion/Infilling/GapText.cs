using System.Text;
using System.Text.RegularExpressions;

namespace LLaDA.Diffusion.Infilling;

/// <summary>A gap in a text.</summary>
/// <param name="Length">In tokens; null where the writer left it open.</param>
/// <param name="RestoresSpace">Whether a space stands before the gap. It belongs to the fill, which gets exactly one.</param>
public sealed record Gap(int? Length, bool RestoresSpace);

/// <summary>
/// A text with gaps: <c>[MASK:n]</c> is a gap of n tokens, <c>[MASK]</c> one of unknown length, <c>\[MASK]</c> is literal text.
/// </summary>
/// <remarks>
/// Backslashes are special only in a run directly before such a marker. Each pair of the run stands for one backslash, and a single one
/// left over makes the marker literal: <c>\\[MASK]</c> is a backslash and a gap, <c>\\\[MASK]</c> a backslash and a literal. Every text
/// can so be written. The model reads the text without the escaping backslashes; everything outside the gaps is returned byte for byte,
/// with them. A single space before a gap belongs to the gap, because byte-level BPE puts the space before a word.
/// </remarks>
public sealed partial class GapText
{
    private readonly string[] _between;

    private GapText(string[] between, Gap[] gaps) => (_between, Gaps) = (between, gaps);

    public IReadOnlyList<Gap> Gaps { get; }

    /// <summary>The text around the gaps as the model reads it, one piece more than there are gaps.</summary>
    public IEnumerable<string> Pieces => _between.Select(
        (piece, index) => Unescaped(piece, isBeforeGap: index < Gaps.Count && !Gaps[index].RestoresSpace));

    public static GapText Parse(string text)
    {
        List<string> between = [];
        List<Gap> gaps = [];
        int end = 0;
        foreach (Match match in Marker().Matches(text))
        {
            if (NumEscapes(text, match.Index) % 2 == 1)
                continue;
            string before = text[end..match.Index];
            bool hasSpace = before.EndsWith(' ');
            between.Add(hasSpace ? before[..^1] : before);
            gaps.Add(new Gap(Length(match.Groups["length"]), hasSpace));
            end = match.Index + match.Length;
        }
        between.Add(text[end..]);
        return new GapText([.. between], [.. gaps]);
    }

    /// <summary>The text with its gaps filled.</summary>
    /// <param name="fills">As many as there are gaps.</param>
    public string Fill(IReadOnlyList<string> fills)
    {
        var filled = new StringBuilder(_between[0]);
        foreach (var (index, gap) in Gaps.Index())
            filled.Append(Restored(gap, fills[index])).Append(_between[index + 1]);
        return filled.ToString();
    }

    /// <summary>The text that replaces a gap: the fill, with exactly one space before it where one stood before the gap.</summary>
    public static string Restored(Gap gap, string fill) => gap.RestoresSpace ? " " + fill.TrimStart(' ') : fill;

    /// <summary>A length that overflows an int is longer than any context, so it becomes the largest int.</summary>
    private static int? Length(Group digits) =>
        !digits.Success ? null : int.TryParse(digits.ValueSpan, out int length) ? length : int.MaxValue;

    /// <summary>A piece as the model reads it: each run of backslashes before a marker is halved.</summary>
    /// <param name="isBeforeGap">Whether a gap follows the piece directly.</param>
    private static string Unescaped(string piece, bool isBeforeGap)
    {
        var text = new StringBuilder();
        int end = 0;
        foreach (Match literal in Marker().Matches(piece))
        {
            text.Append(piece, end, literal.Index - end - HalfUp(NumEscapes(piece, literal.Index))).Append(literal.Value);
            end = literal.Index + literal.Length;
        }
        int numDropped = isBeforeGap ? HalfUp(NumEscapes(piece, piece.Length)) : 0;
        return text.Append(piece, end, piece.Length - end - numDropped).ToString();
    }

    /// <summary>The length of the run of backslashes that ends before a position.</summary>
    private static int NumEscapes(string text, int position)
    {
        int start = position;
        while (start > 0 && text[start - 1] == '\\')
            start--;
        return position - start;
    }

    private static int HalfUp(int count) => (count + 1) / 2;

    [GeneratedRegex(@"\[MASK(:(?<length>[0-9]+))?\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Marker();
}
