using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>A token that the forward process masked, and that the network is to predict.</summary>
/// <param name="Index">row * L + position, of the place that predicts it.</param>
/// <param name="Token">The clean token.</param>
/// <param name="Probability">With which it was masked, in (0, 1]; its cross entropy counts 1 / Probability.</param>
public readonly record struct MaskedToken(int Row, int Position, int Index, int Token, double Probability);

/// <summary>x_t of a batch.</summary>
/// <param name="Tokens">[B * L], row by row.</param>
/// <param name="Masked">N tokens, in the order of the canvas.</param>
public sealed record NoisedBatch(long[] Tokens, int BatchSize, int Length, IReadOnlyList<MaskedToken> Masked)
{
    /// <summary>Where the tokens of each row end and padding begins that no token attends to, [B]; null where there is none.</summary>
    public int[]? Ends { get; init; }

    /// <summary>
    /// What the cross entropy of each masked token is multiplied by in the loss of the global batch, [N]; null until set.
    /// </summary>
    /// <remarks>Set by <see cref="Weigh"/>; a slice keeps its part, so the losses of slices add up to that of the batch.</remarks>
    public float[]? Weights { get; init; }

    /// <param name="promptLengths">Tokens at the start of each row that are given, [B].</param>
    /// <returns>The same with the weights of <see cref="LossWeights"/>.</returns>
    public NoisedBatch Weigh(int[] promptLengths, LossReduction reduction) =>
        this with { Weights = LossWeights.Of(promptLengths, this, reduction) };

    /// <returns>[B, L], int64.</returns>
    public Tensor ToTensor(Device device) => PinnedUpload.To(device, Tokens, [BatchSize, Length]);

    /// <returns>[B, L], bool: false in padding; null where there is none.</returns>
    public Tensor? IsToken(Device device) => Ends is null || Array.TrueForAll(Ends, end => end == Length)
        ? null
        : PinnedUpload.To(
            device, [.. Ends.SelectMany(end => Enumerable.Range(0, Length).Select(position => position < end))], [BatchSize, Length]);

    /// <summary>The same with the first tokens of each row given instead of noised, as SFT does with prompts.</summary>
    /// <param name="promptLengths">[B].</param>
    /// <param name="x0">Clean tokens, [B][L].</param>
    public NoisedBatch RestorePrompts(int[] promptLengths, int[][] x0) =>
        Restore(x0, token => token.Position < promptLengths[token.Row]);

    /// <summary>The same with prompts, and padding that no token attends to, given instead of noised.</summary>
    public NoisedBatch Restore(TrainingBatch batch) =>
        Restore(batch.Rows, token => token.Position < batch.PromptLengths[token.Row] || token.Position >= batch.Ends[token.Row])
            with { Ends = batch.Ends };

    /// <summary>Some of its rows, with their weights.</summary>
    public NoisedBatch Slice(int firstRow, int numRows)
    {
        int first = firstRow * Length, count = numRows * Length;
        int before = Masked.Count(token => token.Row < firstRow);
        MaskedToken[] masked = [.. Masked.Where(token => token.Row >= firstRow && token.Row < firstRow + numRows)
            .Select(token => token with { Row = token.Row - firstRow, Index = token.Index - first })];
        return new NoisedBatch(Tokens[first..(first + count)], numRows, Length, masked)
        {
            Ends = Ends?[firstRow..(firstRow + numRows)],
            Weights = Weights?[before..(before + masked.Length)],
        };
    }

    private NoisedBatch Restore(int[][] x0, Func<MaskedToken, bool> isGiven)
    {
        long[] tokens = [.. Tokens];
        foreach (var token in Masked.Where(isGiven))
            tokens[token.Index] = x0[token.Row][token.Position];
        return this with { Tokens = tokens, Masked = [.. Masked.Where(token => !isGiven(token))], Weights = null };
    }
}
