namespace LLaDA.Diffusion.Sampling;

/// <summary>One canvas to be denoised.</summary>
/// <param name="Canvas">Given tokens, and [MASK] anywhere.</param>
/// <param name="Options">Its reverse process.</param>
/// <param name="Targets">The masked positions to fill, ascending; null for all of them. Other masks stay, as text that is not known yet.</param>
public sealed record SamplingRow(IReadOnlyList<int> Canvas, SamplingOptions Options, IReadOnlyList<int>? Targets = null)
{
    /// <summary>
    /// By target: tokens that are known though masked. They are committed like any other, with the model's probability of them as their confidence, so that the confidences of a
    /// row multiply to the probability of its text in the order in which it was committed.
    /// </summary>
    public IReadOnlyDictionary<int, int>? ForcedTokens { get; init; }

    /// <summary>Called after each denoising step, on the sampler's thread, with a canvas that is valid during the call. What it throws fails this row alone.</summary>
    public Action<DenoisingProgress>? OnStep { get; init; }
}

/// <summary>A canvas between two denoising steps.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Canvas">The tokens, [MASK] where nothing is committed.</param>
/// <param name="NumMasked">Targets that are still masked.</param>
public readonly record struct DenoisingProgress(int Step, IReadOnlyList<int> Canvas, int NumMasked);

/// <summary>A canvas after its reverse process.</summary>
/// <param name="Tokens">The canvas, every target filled.</param>
/// <param name="Confidence">By position: the probability that the model gave a filled token in the step that committed it; 1 for given tokens and behind an end that stopped the row.</param>
/// <param name="NumForwards">Forward passes that this row took part in, the unconditional half of guidance included.</param>
/// <param name="NumTokenForwards">Tokens that passed through the network for this row.</param>
public sealed record SampledRow(int[] Tokens, double[] Confidence, int NumForwards, long NumTokenForwards);
