namespace LLaDA.Diffusion.Sampling;

/// <summary>What passes through the network in the steps of a block after its first, in which the whole canvas passes (Fast-dLLM).</summary>
public enum CachePolicy
{
    /// <summary>The whole canvas in every step: exact.</summary>
    None,

    /// <summary>From the block's first mask to the end of the canvas; what stands before it is attended to as it was at the start of the block.</summary>
    Prefix,

    /// <summary>The block alone, with its vicinity if asked; everything else is attended to as it was at the start of the block.</summary>
    Dual,
}
