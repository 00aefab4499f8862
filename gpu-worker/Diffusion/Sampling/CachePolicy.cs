namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// The positions that pass through the network in the steps of a block after the first, which passes the whole canvas (Fast-dLLM).
/// </summary>
public enum CachePolicy
{
    /// <summary>The whole canvas in every step: exact.</summary>
    None,

    /// <summary>
    /// From the block's first mask to the end of the canvas. Earlier positions are attended to as they were at the start of the block.
    /// </summary>
    Prefix,

    /// <summary>The block, and its vicinity if given. All other positions are attended to as they were at the start of the block.</summary>
    Dual,
}
