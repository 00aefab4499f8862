namespace LLaDA.Diffusion.Training.Reinforcement;

/// <summary>How much better each answer of a group is than the others (RLOO, the baseline of ESPO's code).</summary>
internal static class GroupRewards
{
    /// <summary>Whether some answer is better than another one: without that there is nothing to learn.</summary>
    public static bool HasSpread(ReadOnlySpan<double> rewards) => rewards.ContainsAnyExcept(rewards[0]);

    /// <summary>
    /// A = r - mean of the other rewards. The baseline is independent of the answer, so the gradient has no bias, and a constant added to
    /// all rewards changes nothing. Not divided by the standard deviation, as in the recipe.
    /// </summary>
    /// <param name="rewards">Of a group, at least 2.</param>
    public static double[] Advantages(ReadOnlySpan<double> rewards)
    {
        double[] advantages = new double[rewards.Length];
        for (int index = 0; index < rewards.Length; index++)
        {
            // By differences, so that a large constant costs no digits.
            foreach (double other in rewards)
                advantages[index] += (rewards[index] - other) / (rewards.Length - 1);
        }
        return advantages;
    }
}
