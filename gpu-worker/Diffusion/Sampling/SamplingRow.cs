using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Sampling;

/// <summary>One canvas to denoise.</summary>
/// <param name="Canvas">Given tokens, and [MASK] at any positions; at least one token and at most the context.</param>
/// <param name="Targets">The masked positions to fill, ascending; null for all. Other masks stay masked.</param>
public sealed record SamplingRow(IReadOnlyList<int> Canvas, SamplingOptions Options, IReadOnlyList<int>? Targets = null)
{
    /// <summary>
    /// By target: the token that it takes, whatever the model predicts. A forced token is committed like any other, with the model's
    /// probability
    /// of it as its confidence, so the confidences of a row multiply to the probability of its text in the order of the commits.
    /// </summary>
    public IReadOnlyDictionary<int, int>? ForcedTokens { get; init; }

    /// <summary>By target: tokens that are never predicted there, besides those of the options; null for none.</summary>
    public IReadOnlyDictionary<int, TokenSet>? ForbiddenAt { get; init; }

    /// <summary>
    /// The most probable tokens to list beside each committed one, 0 to <see cref="TokenLogProbabilities.MaxTop"/>; null for a result
    /// without <see cref="SampledRow.LogProbabilities"/>.
    /// </summary>
    public int? NumTop { get; init; }

    /// <summary>Whether the result has a <see cref="SampledRow.Trace"/>.</summary>
    public bool IsTraced { get; init; }

    /// <summary>
    /// Called after each denoising step on the sampler's thread; its canvas is valid during the call. An exception fails this row alone.
    /// </summary>
    public Action<DenoisingProgress>? OnStep { get; init; }

    /// <summary>Replaces the seed's numbers, by step from 0 and position; null for none. For comparison with recorded draws.</summary>
    internal Func<RandomStream, uint, int, double>? Draws { get; init; }

    /// <summary>The same behind the virtual tokens of a model with prompt tuning: as it passes.</summary>
    internal SamplingRow Behind(LLaDAConfig config)
    {
        int count = config.NumVirtualTokens;
        return count == 0 ? this : this with
        {
            Canvas = [.. config.VirtualTokens, .. Canvas],
            Targets = Targets?.Select(position => position + count).ToArray(),
            ForcedTokens = ForcedTokens?.ToDictionary(entry => entry.Key + count, entry => entry.Value),
            ForbiddenAt = ForbiddenAt?.ToDictionary(entry => entry.Key + count, entry => entry.Value),
        };
    }
}

/// <summary>A canvas between two denoising steps.</summary>
/// <param name="Step">Number of steps done.</param>
/// <param name="Canvas">The tokens, [MASK] where nothing is committed.</param>
/// <param name="NumMasked">Targets that are still masked.</param>
public readonly record struct DenoisingProgress(int Step, IReadOnlyList<int> Canvas, int NumMasked)
{
    /// <summary>The block that the step worked on, from 0; a process without blocks has one.</summary>
    public int Block { get; init; }

    /// <summary>The position before which no token changes any more; the length of the canvas at the end.</summary>
    public int SettledTo { get; init; }
}

/// <summary>A canvas after its reverse process.</summary>
/// <param name="Tokens">The canvas, every target filled.</param>
/// <param name="Confidence">
/// By position, in [0, 1]: the probability of a filled token in the step that committed it; 1 for given tokens and behind an end that
/// stopped the row.
/// </param>
/// <param name="NumForwards">Forward passes of this row; guidance counts twice.</param>
/// <param name="NumTokenForwards">Tokens that passed through the network for this row.</param>
public sealed record SampledRow(int[] Tokens, double[] Confidence, int NumForwards, long NumTokenForwards)
{
    /// <summary>Leading tokens whose keys and values another row with the same beginning had computed.</summary>
    public int NumReusedTokens { get; init; }

    /// <summary>
    /// By position: of a filled token, those of the step that committed it last; null for given tokens and behind an end that stopped the
    /// row. Null as a whole unless the row asked for them.
    /// </summary>
    public IReadOnlyList<TokenLogProbabilities?>? LogProbabilities { get; init; }

    /// <summary>How it came about; null unless the row asked for it.</summary>
    public RowTrace? Trace { get; init; }
}
