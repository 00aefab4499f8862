namespace LLaDA.Diffusion.Training;

/// <summary>How the weighted cross entropies of a global batch become one number.</summary>
public enum LossReduction
{
    /// <summary>Each row's sum is divided by its number of learnt tokens, and the rows are averaged, as published. In pretraining, where all tokens are learnt, both are the same.</summary>
    Answer,

    /// <summary>The sum is divided by all learnt tokens of the batch, so that every token counts alike, however long its answer.</summary>
    Token,
}

/// <summary>The weight of each masked token in the loss, counted over the global batch: splitting it for accumulation changes nothing.</summary>
internal static class LossWeights
{
    /// <param name="promptLengths">[B].</param>
    /// <param name="batch">The global batch, noised.</param>
    /// <returns>By masked token.</returns>
    public static float[] Of(int[] promptLengths, NoisedBatch batch, LossReduction reduction)
    {
        long[] answerLengths = [.. promptLengths.Select((prompt, row) => (long)((batch.Ends?[row] ?? batch.Length) - prompt))];
        long numTokens = answerLengths.Sum();
        return reduction switch
        {
            LossReduction.Answer => [.. batch.Masked.Select(token => (float)(1 / (token.Probability * answerLengths[token.Row] * batch.BatchSize)))],
            LossReduction.Token => [.. batch.Masked.Select(token => (float)(1 / (token.Probability * numTokens)))],
            _ => throw new ArgumentOutOfRangeException(nameof(reduction), reduction, null),
        };
    }
}
