namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// Which predictions a denoising step keeps; all others become [MASK] again. <see cref="FamilySampling"/> says which model has which rule.
/// </summary>
public enum Remasking
{
    /// <summary>Keeps those with the highest probability (LLaDA, Algorithm 5).</summary>
    LowConfidence,

    /// <summary>Keeps a random choice (LLaDA, Algorithm 4).</summary>
    Random,

    /// <summary>
    /// Keeps those with the highest probability, and takes back earlier tokens of the block that were committed with the least: they are
    /// predicted again from the tokens that have been committed since (after ReMDM and RCR).
    /// </summary>
    Revision,

    /// <summary>Keeps the leftmost (SDAR).</summary>
    Sequential,

    /// <summary>
    /// Keeps those with the lowest entropy as long as their sum stays below <see cref="SamplingOptions.EntropyBound"/> (SDAR).
    /// </summary>
    EntropyBounded,

    /// <summary>Keeps each with the probability that the time schedule gives to the step (Dream).</summary>
    Origin,

    /// <summary>Keeps those with the highest probability, as many as the time schedule says (Dream).</summary>
    MaskgitPlus,

    /// <summary>Keeps those whose best token is furthest ahead of the second, as many as the time schedule says (Dream).</summary>
    TopkMargin,

    /// <summary>Keeps those with the lowest entropy, as many as the time schedule says (Dream).</summary>
    Entropy,
}
