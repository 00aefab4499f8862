using System.Text;
using System.Text.RegularExpressions;

namespace LLaDA.Diffusion.Infilling;

/// <summary>A gap in a text.</summary>
/// <param name="Length">In tokens; null where the writer left it open.</param>
/// <param name="RestoresSpace">Whether a space stands before the gap. It belongs to the fill, which gets exactly one.</param>
public sealed record Gap(int? Length, bool RestoresSpace);

/// <summary>
/// A text with gaps: <c>[MASK:n]</c> is a gap of n tokens, <c>[MASK]</c> one of unknown length, <c>\[MASK]</c> is literal.
/// </summary>
/// <remarks>
/// A single space before a gap belongs to the gap, since words carry their space in front in byte-level BPE. Everything outside the gaps
/// comes
/// back byte for byte, the backslash of a literal included. The model reads the literal without its backslash.
/// </remarks>
public sealed partial class GapText
{
    private readonly string[] _between;

    private GapText(string[] between, Gap[] gaps) => (_between, Gaps) = (between, gaps);

    public IReadOnlyList<Gap> Gaps { get; }

    /// <summary>The text between the gaps as the model reads it: one piece more than there are gaps.</summary>
    public IEnumerable<string> Pieces => _between.Select(piece => EscapedGap().Replace(piece, "${literal}"));

    public static GapText Parse(string text)
    {
        List<string> between = [];
        List<Gap> gaps = [];
        int end = 0;
        foreach (Match match in GapPattern().Matches(text))
        {
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

    [GeneratedRegex(@"(?<!\\)\[MASK(:(?<length>[0-9]+))?\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex GapPattern();

    [GeneratedRegex(@"\\(?<literal>\[MASK(:[0-9]+)?\])", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex EscapedGap();
}
