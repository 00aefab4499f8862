namespace LLaDA.Diffusion.Sampling;

/// <summary>What ranks the predictions of a step.</summary>
internal enum ConfidenceMeasure
{
    /// <summary>The model's probability of the token, whatever it is drawn from.</summary>
    Probability,

    /// <summary>The token's probability in the distribution that it is drawn from: after temperature, top_k and top_p.</summary>
    DrawnProbability,

    /// <summary>The best probability less the second best, in that distribution.</summary>
    Margin,

    /// <summary>The sum of p ln p over that distribution, at most 0.</summary>
    NegativeEntropy,
}
