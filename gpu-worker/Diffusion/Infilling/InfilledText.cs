using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Infilling;

/// <summary>A text whose gaps are filled.</summary>
/// <param name="Text">The text outside the gaps is unchanged.</param>
/// <param name="Spans">By gap.</param>
/// <param name="NumGivenTokens">Tokens outside the gaps, the ends of the text included.</param>
public sealed record InfilledText(string Text, IReadOnlyList<FilledSpan> Spans, int NumGivenTokens)
{
    /// <summary>Tokens in the gaps.</summary>
    public int NumFilledTokens => Spans.Sum(span => span.Tokens.Count);

    /// <summary>Tokens outside the gaps whose keys and values other rows with the same beginning had computed.</summary>
    public int NumReusedTokens { get; init; }
}

/// <summary>A filled gap.</summary>
/// <param name="Index">Of the gap in the text, from 0.</param>
/// <param name="Text">As it stands in the filled text.</param>
/// <param name="Confidence">
/// Geometric mean of the probabilities with which its tokens were committed, in [0, 1]; of a choice, by the estimate of its likelihood.
/// </param>
public sealed record FilledSpan(int Index, string Text, IReadOnlyList<int> Tokens, double Confidence)
{
    /// <summary>Which of its choices it is; null for a gap without choices.</summary>
    public ChosenText? Choice { get; init; }

    /// <summary>By token, those of its last commit; null unless they were asked for, and where a choice was made.</summary>
    public IReadOnlyList<TokenLogProbabilities?>? LogProbabilities { get; init; }

    /// <summary>How it came about, its steps counted within its infill window; null unless it was asked for.</summary>
    public TextTrace? Trace { get; init; }
}

/// <summary>How far a text is filled; reported after each infill window.</summary>
public readonly record struct InfillProgress(int NumFilledGaps, int NumGaps);
