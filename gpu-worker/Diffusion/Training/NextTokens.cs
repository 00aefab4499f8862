using LLaDA.Diffusion.Data;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// What an autoregressive twin learns from a batch: every token that a diffusion model would learn, predicted from those before it.
/// The first token of a row has none before it and is given.
/// </summary>
internal static class NextTokens
{
    /// <returns>The clean tokens; as masked ones those to predict, with the index of the place before each; and their weights.</returns>
    public static NoisedBatch Of(TrainingBatch batch, LossReduction reduction)
    {
        int[] prompts = [.. batch.PromptLengths.Select(prompt => Math.Max(1, prompt))];
        MaskedToken[] predicted = [.. Enumerable.Range(0, batch.BatchSize).SelectMany(row =>
            Enumerable.Range(prompts[row], Math.Max(0, batch.Ends[row] - prompts[row])).Select(position =>
                new MaskedToken(row, position, (row * batch.Length) + position - 1, batch.Rows[row][position], Probability: 1)))];
        long[] tokens = [.. batch.Rows.SelectMany(row => row).Select(token => (long)token)];
        return new NoisedBatch(tokens, batch.BatchSize, batch.Length, predicted) { Ends = batch.Ends }.Weigh(prompts, reduction);
    }
}
