namespace LLaDA.Diffusion.Training;

/// <summary>How gradients change weights.</summary>
public enum OptimizerKind
{
    /// <summary>Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).</summary>
    AdamW,

    /// <summary>
    /// Orthogonal updates of the matrices of the blocks (Jordan et al. 2024), and AdamW for embedding, head, routers, norms and biases.
    /// </summary>
    Muon,
}
