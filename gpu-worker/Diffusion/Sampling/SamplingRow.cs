namespace LLaDA.Diffusion.Sampling;

/// <summary>One canvas to be denoised.</summary>
/// <param name="Canvas">Given tokens, and [MASK] anywhere.</param>
/// <param name="Options">Its reverse process.</param>
/// <param name="Targets">The masked positions to fill, ascending; null for all of them. Other masks stay, as text that is not known yet.</param>
public sealed record SamplingRow(IReadOnlyList<int> Canvas, SamplingOptions Options, IReadOnlyList<int>? Targets = null);

/// <summary>A canvas after its reverse process.</summary>
/// <param name="Tokens">The canvas, every target filled.</param>
/// <param name="Confidence">By position: the probability that the model gave a filled token in the step that committed it; 1 for given tokens.</param>
/// <param name="NumForwards">Forward passes that this row took part in, the unconditional half of guidance included.</param>
public sealed record SampledRow(int[] Tokens, double[] Confidence, int NumForwards);
