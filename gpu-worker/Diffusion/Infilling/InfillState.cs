using System.Collections.Immutable;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Infilling;

/// <summary>
/// What of a document is done: the choices made, the lengths found for its gaps, and the fills of its first infill windows. Each is
/// computed from the document and what was done before, so a fill that resumes from a state gives the same text, bit for bit on a
/// CPU. Immutable.
/// </summary>
/// <param name="Lengths">By gap of unknown length, numbered from 0 among all gaps: its number of tokens.</param>
/// <param name="Windows">The finished infill windows, in order.</param>
public sealed record InfillState(ImmutableDictionary<int, int> Lengths, ImmutableList<FilledWindow> Windows)
{
    /// <summary>Nothing is done.</summary>
    public static InfillState None { get; } = new(ImmutableDictionary<int, int>.Empty, []);

    /// <summary>By gap, from the first one with choices on.</summary>
    public ImmutableDictionary<int, ChosenText> Choices { get; init; } = ImmutableDictionary<int, ChosenText>.Empty;
}

/// <summary>The fills of an infill window.</summary>
/// <param name="Tokens">Of its gaps, in order.</param>
/// <param name="Confidence">By token: the probability with which it was committed, in [0, 1].</param>
/// <param name="NumReusedTokens">As <see cref="InfilledText.NumReusedTokens"/>.</param>
/// <param name="Traces">By gap; null where none is kept.</param>
public sealed record FilledWindow(
    ImmutableArray<int> Tokens, ImmutableArray<double> Confidence, int NumReusedTokens = 0, IReadOnlyList<TextTrace>? Traces = null)
{
    /// <summary>By token; null where none are kept.</summary>
    public IReadOnlyList<TokenLogProbabilities?>? LogProbabilities { get; init; }
}
