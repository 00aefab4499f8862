namespace LLaDA.Diffusion.Training;

/// <summary>
/// The weight of each masked token in the loss, counted over the global batch: splitting the batch for accumulation changes nothing.
/// </summary>
internal static class LossWeights
{
    /// <param name="promptLengths">[B].</param>
    /// <param name="batch">The global batch, noised.</param>
    /// <param name="objective">LLaDA's unless given.</param>
    /// <returns>[N], in the order of the masked tokens.</returns>
    public static float[] Of(int[] promptLengths, NoisedBatch batch, LossReduction reduction, DiffusionObjective? objective = null)
    {
        long[] answerLengths = [.. promptLengths.Select((prompt, row) => (long)((batch.Ends?[row] ?? batch.Length) - prompt))];
        long numTokens = answerLengths.Sum();
        Func<MaskedToken, long> divisor = reduction switch
        {
            LossReduction.Answer => token => answerLengths[token.Row] * batch.BatchSize,
            LossReduction.Token => _ => numTokens,
            LossReduction.Masked => _ => batch.Masked.Count,
            _ => throw new ArgumentOutOfRangeException(nameof(reduction), reduction, null),
        };
        if (objective is null || objective.Weight == TokenWeight.InverseProbability)
            return [.. batch.Masked.Select(token => (float)(1 / (token.Probability * divisor(token))))];
        Func<MaskedToken, double> weight = objective.Weight switch
        {
            TokenWeight.Linear => token => 1 - token.Probability,
            TokenWeight.One => _ => 1,
            TokenWeight.Cart => Cart(batch, objective.CartDecay),
            _ => throw new ArgumentOutOfRangeException(nameof(objective), objective.Weight, null),
        };
        return [.. batch.Masked.Select(token => (float)(weight(token) / divisor(token)))];
    }

    /// <summary>Sums by one walk in each direction: a token further away counts 1 - q times as much.</summary>
    private static Func<MaskedToken, double> Cart(NoisedBatch batch, double decay)
    {
        double[] weights = new double[batch.Tokens.Length];
        bool[] isMasked = new bool[weights.Length];
        foreach (var token in batch.Masked)
            isMasked[(token.Row * batch.Length) + token.Position] = true;
        for (int row = 0; row < batch.BatchSize; row++)
        {
            int first = row * batch.Length;
            Walk(Enumerable.Range(first, batch.Length));
            Walk(Enumerable.Range(first, batch.Length).Reverse());
        }
        return token => weights[(token.Row * batch.Length) + token.Position];

        void Walk(IEnumerable<int> indices)
        {
            double sum = 0;
            foreach (int index in indices)
            {
                weights[index] += sum;
                sum = (sum * (1 - decay)) + (isMasked[index] ? 0 : decay / 2);
            }
        }
    }
}
