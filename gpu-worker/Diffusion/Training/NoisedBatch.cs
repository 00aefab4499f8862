using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
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
    /// <remarks>
    /// Set by <see cref="Weigh(int[], LossReduction, DiffusionObjective)"/>; a slice keeps its part, so the losses of slices add up to that
    /// of the batch.
    /// </remarks>
    public float[]? Weights { get; init; }

    /// <summary>How the cross entropies are changed before they are weighted; null for not at all.</summary>
    public FocalLoss? Focal { get; init; }

    /// <summary>x_0, [B * L], where block diffusion passes it behind x_t; null elsewhere.</summary>
    public long[]? Clean { get; init; }

    /// <summary>The lengths of the samples that each row holds, which do not see each other; null where each row is one.</summary>
    public int[][]? Samples { get; init; }

    /// <summary>The part that it is of the global batch.</summary>
    public double Share { get; init; } = 1;

    /// <summary>Tokens of a row that pass.</summary>
    public int PassLength => Clean is null ? Length : 2 * Length;

    /// <summary>The same as block diffusion passes it; padding is a sample of its own.</summary>
    /// <param name="x0">Clean tokens, [B][L].</param>
    public NoisedBatch WithClean(int[][] x0) => this with
    {
        Clean = [.. x0.SelectMany(row => row).Select(token => (long)token)],
        Samples = Samples ?? Ends?.Select(end => end == Length || end == 0 ? new[] { Length } : [end, Length - end]).ToArray(),
    };

    /// <summary>The forward pass of the batch, each row behind the virtual tokens of the model.</summary>
    internal PackedTokens Pack(MaskPredictor model)
    {
        var passed = Behind(model.Config);
        return passed.BlockDiffusion?.Pack(model) ?? model.Pack(passed.ToTensor(model.Device), passed.IsToken(model.Device));
    }

    /// <summary>Null where rows pass once.</summary>
    internal BlockDiffusion? BlockDiffusion => Clean is null ? null : new BlockDiffusion(Length, Tokens, Clean) { Samples = Samples };

    /// <summary>The places of a pass that predict the masked tokens, [N].</summary>
    internal long[] Places(LLaDAConfig config)
    {
        int numVirtual = config.NumVirtualTokens, passLength = PassLength + (numVirtual * PassLength / Length);
        return [.. Masked.Select(token => config.IsCausal
            ? token.Index + ((token.Row + 1L) * numVirtual)
            : ((long)token.Row * passLength) + config.PlaceOf(numVirtual + token.Position))];
    }

    /// <param name="promptLengths">Tokens at the start of each row that are given, [B].</param>
    /// <returns>The same with the weights of <see cref="LossWeights"/>.</returns>
    public NoisedBatch Weigh(int[] promptLengths, LossReduction reduction) =>
        Weigh(promptLengths, reduction, DiffusionObjective.LLaDA);

    /// <summary>The same with the weights that an objective gives.</summary>
    public NoisedBatch Weigh(int[] promptLengths, LossReduction reduction, DiffusionObjective objective) =>
        this with { Weights = LossWeights.Of(promptLengths, this, reduction, objective), Focal = objective.Focal };

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
            Clean = Clean?[first..(first + count)],
            Samples = Samples?[firstRow..(firstRow + numRows)],
            Share = Share * numRows / BatchSize,
            Focal = Focal,
        };
    }

    /// <summary>The same behind the virtual tokens of a model, for a pass: masked tokens keep their positions in the row.</summary>
    private NoisedBatch Behind(LLaDAConfig config)
    {
        int count = config.NumVirtualTokens;
        if (count == 0)
            return this;
        long[] before = [.. config.VirtualTokens.Select(token => (long)token)];
        long[] Rows(long[] tokens) => [.. tokens.Chunk(Length).SelectMany(row => before.Concat(row))];
        return this with
        {
            Tokens = Rows(Tokens),
            Length = count + Length,
            Ends = Ends?.Select(end => count + end).ToArray(),
            Clean = Clean is null ? null : Rows(Clean),
            Samples = Samples?.Select(samples => (int[])[count + samples[0], .. samples[1..]]).ToArray(),
        };
    }

    private NoisedBatch Restore(int[][] x0, Func<MaskedToken, bool> isGiven)
    {
        long[] tokens = [.. Tokens];
        foreach (var token in Masked.Where(isGiven))
            tokens[(token.Row * Length) + token.Position] = x0[token.Row][token.Position];
        return this with { Tokens = tokens, Masked = [.. Masked.Where(token => !isGiven(token))], Weights = null };
    }
}
