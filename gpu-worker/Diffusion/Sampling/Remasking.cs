namespace LLaDA.Diffusion.Sampling;

/// <summary>Which predictions a denoising step keeps; all others become [MASK] again.</summary>
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
}
