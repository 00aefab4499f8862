namespace LLaDA.Diffusion.Training;

/// <summary>
/// The weight of each masked token in the loss, counted over the global batch: splitting the batch for accumulation changes nothing.
/// </summary>
internal static class LossWeights
{
    /// <param name="promptLengths">[B].</param>
    /// <param name="batch">The global batch, noised.</param>
    /// <returns>[N], in the order of the masked tokens.</returns>
    public static float[] Of(int[] promptLengths, NoisedBatch batch, LossReduction reduction)
    {
        long[] answerLengths = [.. promptLengths.Select((prompt, row) => (long)((batch.Ends?[row] ?? batch.Length) - prompt))];
        long numTokens = answerLengths.Sum();
        Func<MaskedToken, long> divisor = reduction switch
        {
            LossReduction.Answer => token => answerLengths[token.Row] * batch.BatchSize,
            LossReduction.Token => _ => numTokens,
            _ => throw new ArgumentOutOfRangeException(nameof(reduction), reduction, null),
        };
        return [.. batch.Masked.Select(token => (float)(1 / (token.Probability * divisor(token))))];
    }
}
