using System.Text.RegularExpressions;
using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Terminal;

namespace LLaDA.Batch.Local;

/// <summary>A document with gaps.</summary>
internal sealed partial record Sample(string Name, string Text)
{
    /// <summary>Stands for a token that is masked.</summary>
    private const string Mask = "░";

    public int NumGaps => GapPattern().Count(Text);

    /// <summary>The text after a denoising step, with the fills in guillemets.</summary>
    /// <param name="fills">One for each gap, in their order, with their traces.</param>
    /// <param name="step">From 0, where everything is masked.</param>
    public IEnumerable<Stretch> After(int step, IReadOnlyList<InfillSpan> fills)
    {
        int end = 0;
        foreach (var (gap, fill) in GapPattern().Matches(Text).Zip(fills))
        {
            // A space before a gap is a part of its fill.
            bool hasSpace = fill.Text.StartsWith(' ');
            yield return new Stretch(Text[end..gap.Index].TrimEnd(' ') + (hasSpace ? " «" : "«"));
            foreach (var (index, token) in fill.Trace!.Tokens.Index())
                yield return StretchOf(token, step, isFirst: index == 0);
            yield return new Stretch("»");
            end = gap.Index + gap.Length;
        }
        yield return new Stretch(Text[end..]);
    }

    private static Stretch StretchOf(TracedToken token, int step, bool isFirst)
    {
        if (step < token.Step)
            return new Stretch(Mask, Styles.Mask);
        return new Stretch(isFirst ? token.Token.TrimStart(' ') : token.Token, step == token.Step ? Styles.NewFill : Styles.Fill);
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
