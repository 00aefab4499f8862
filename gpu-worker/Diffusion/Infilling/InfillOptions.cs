using System.Collections.ObjectModel;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Infilling;

/// <summary>How the gaps of a text are filled.</summary>
public sealed record InfillOptions
{
    public const int DefaultMaxGapLength = 8, DefaultChoiceSamples = 32, MaxChoiceSamples = 1024;

    /// <summary>
    /// The reverse process of the whole text: the steps are shared out among its infill windows, each of which has its own seed.
    /// </summary>
    /// <remarks>
    /// The search for lengths uses its <see cref="SamplingOptions.Forbidden"/> alone, and the likelihood of choices its seed.
    /// </remarks>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>
    /// The most tokens of a gap <c>[MASK]</c>, at least 1 and 2 below the context; null for 8, or what the context allows.
    /// </summary>
    public int? MaxGapLength { get; init; }

    /// <summary>What the fills of all gaps consist of that neither <see cref="Patterns"/> nor <see cref="Choices"/> names.</summary>
    public GapPattern? Pattern { get; init; }

    /// <summary>By gap, numbered from 0: what its fill consists of.</summary>
    public IReadOnlyDictionary<int, GapPattern> Patterns { get; init; } = ReadOnlyDictionary<int, GapPattern>.Empty;

    /// <summary>
    /// By gap, numbered from 0, which is written <c>[MASK]</c>: the 2 to 64 texts of which the most probable fills it. They are decided
    /// from left to right, and then the other gaps are filled.
    /// </summary>
    public IReadOnlyDictionary<int, IReadOnlyList<string>> Choices { get; init; } =
        ReadOnlyDictionary<int, IReadOnlyList<string>>.Empty;

    /// <summary>
    /// Mask patterns to average the likelihood of a choice over, 1 to <see cref="MaxChoiceSamples"/>; a choice of one token takes one.
    /// </summary>
    public int ChoiceSamples { get; init; } = DefaultChoiceSamples;

    /// <inheritdoc cref="SamplingRow.NumTop"/>
    public int? NumTop { get; init; }

    /// <summary>Whether the filled gaps say how they came about.</summary>
    public bool IsTraced { get; init; }
}
