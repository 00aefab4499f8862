using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Infilling;

/// <summary>How the gaps of a text are filled.</summary>
public sealed record InfillOptions
{
    public const int DefaultMaxGapLength = 8;

    /// <summary>
    /// The reverse process of the whole text: the steps are shared out among its infill windows, each of which has its own seed.
    /// </summary>
    /// <remarks>The search for lengths uses its <see cref="SamplingOptions.Forbidden"/> alone.</remarks>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>
    /// The most tokens of a gap <c>[MASK]</c>, at least 1 and 2 below the context; null for 8, or what the context allows.
    /// </summary>
    public int? MaxGapLength { get; init; }

    /// <summary>Whether the filled gaps say how they came about.</summary>
    public bool IsTraced { get; init; }
}
