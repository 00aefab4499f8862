using System.Text.RegularExpressions;

namespace LLaDA.Batch.Local;

/// <summary>A document with gaps.</summary>
internal sealed partial record Sample(string Name, string Text)
{
    public int NumGaps => GapPattern().Count(Text);

    /// <summary>The text in pieces, with the fills in guillemets.</summary>
    /// <param name="fills">One for each gap, in their order.</param>
    public IEnumerable<(string Piece, bool IsFill)> WithFills(IReadOnlyList<string> fills)
    {
        int end = 0;
        foreach (var (index, gap) in GapPattern().Matches(Text).Index())
        {
            string fill = fills[index];
            bool hasSpace = fill.StartsWith(' ');
            yield return (Text[end..gap.Index].TrimEnd(' ') + (hasSpace ? " " : ""), false);
            yield return ($"«{fill.TrimStart(' ')}»", true);
            end = gap.Index + gap.Length;
        }
        yield return (Text[end..], false);
    }

    [GeneratedRegex(@"(?<!\\)\[MASK(:[0-9]+)?\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex GapPattern();
}

/// <summary>The sample documents in the folder of the program.</summary>
internal static class Samples
{
    public static IReadOnlyList<Sample> Read() =>
    [
        .. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "samples"), "*.txt").Order(StringComparer.Ordinal)
            .Select(path => new Sample(Path.GetFileNameWithoutExtension(path), File.ReadAllText(path).TrimEnd())),
    ];
}
