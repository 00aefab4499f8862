namespace LLaDA.Diffusion.Training;

/// <summary>What the cross entropy of a masked token is multiplied by, before the loss is averaged.</summary>
public enum TokenWeight
{
    /// <summary>1 / p, p being the probability with which it was masked: the likelihood bound.</summary>
    InverseProbability,

    /// <summary>1 - p.</summary>
    Linear,

    /// <summary>1.</summary>
    One,

    /// <summary>
    /// Dream's context-adaptive weight: the sum over the row's tokens that are not masked of q (1 - q)^(distance - 1) / 2, q being
    /// <see cref="DiffusionObjective.CartDecay"/>.
    /// </summary>
    Cart,
}
