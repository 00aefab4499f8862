namespace LLaDA.Diffusion.Training.Reinforcement;

/// <summary>
/// An answer as one action (ESPO, arXiv 2512.03759): its bounds B under the policy, under the policy that sampled it and under the
/// reference, all by the same noise. The ratio is exp((B - B_old) / l), the loss
/// -min(ratio A, clip(ratio, 1 - c, 1 + c) A) + beta (B - B_reference)^2 / (2 l).
/// </summary>
/// <param name="Advantage">A.</param>
/// <param name="Length">l, in tokens, at least 1.</param>
/// <param name="Policy">In nats, like the others.</param>
internal readonly record struct ScoredAnswer(double Advantage, int Length, double Policy, double Old, double Reference)
{
    /// <summary>Of equal policies it is 1 exactly.</summary>
    public double Ratio => Math.Exp((Policy - Old) / Length);

    /// <summary>The estimate of the KL divergence from the reference per token, at least 0 (k2 of Schulman).</summary>
    public double Divergence => (Policy - Reference) * (Policy - Reference) / (2 * Length);

    /// <summary>Whether the ratio has gone so far in the direction of the advantage that it gives no slope any more.</summary>
    public bool IsClipped(ReinforcementOptions options) =>
        Advantage > 0 ? Ratio > 1 + options.ClipRange : Ratio < 1 - options.ClipRange;

    public double Loss(ReinforcementOptions options)
    {
        double clipped = Math.Clamp(Ratio, 1 - options.ClipRange, 1 + options.ClipRange);
        return -Math.Min(Ratio * Advantage, clipped * Advantage) + (options.Beta * Divergence);
    }

    /// <summary>The derivative of the loss by B.</summary>
    public double Slope(ReinforcementOptions options)
    {
        double surrogate = IsClipped(options) ? 0 : -Advantage * Ratio / Length;
        return surrogate + (options.Beta * (Policy - Reference) / Length);
    }
}
