using LLaDA.Diffusion.Data;

namespace LLaDA.Diffusion.Training;

/// <summary>What an autoregressive twin learns from a batch: every token that a diffusion model would learn, from those before it. The first token of a row has none and is given.</summary>
internal static class NextTokens
{
    /// <returns>The clean tokens; what is predicted, with the place before it as the one that predicts; and the weights of the losses.</returns>
    public static (NoisedBatch Batch, float[] Weights) Of(TrainingBatch batch, LossReduction reduction)
    {
        int[] prompts = [.. batch.PromptLengths.Select(prompt => Math.Max(1, prompt))];
        MaskedToken[] predicted = [.. Enumerable.Range(0, batch.BatchSize).SelectMany(row =>
            Enumerable.Range(prompts[row], Math.Max(0, batch.Ends[row] - prompts[row])).Select(position =>
                new MaskedToken(row, position, (row * batch.Length) + position - 1, batch.Rows[row][position], Probability: 1)))];
        var given = new NoisedBatch([.. batch.Rows.SelectMany(row => row).Select(token => (long)token)], batch.BatchSize, batch.Length, predicted) { Ends = batch.Ends };
        return (given, LossWeights.Of(prompts, given, reduction));
    }
}
