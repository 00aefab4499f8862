using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>The forward process q(x_t | x_0) of absorbing diffusion: every token becomes [MASK] independently with probability p_mask(t).</summary>
/// <remarks>LLaDA, Algorithm 1: t ~ U(0, 1), one for each sequence, and p_mask = (1 - epsilon) t + epsilon.</remarks>
public static class ForwardProcess
{
    /// <summary>The floor under p_mask, which bounds the weight 1 / p_mask of a token.</summary>
    public const double Epsilon = 1e-3;

    /// <param name="t">Noise level in [0, 1].</param>
    public static double MaskProbability(double t) => ((1 - Epsilon) * t) + Epsilon;

    /// <summary>Noises a batch; the noise is a pure function of the seed, the step and the row, so a resumed run sees the same.</summary>
    /// <param name="x0">Clean tokens, [B][L]; row r of the batch is row <paramref name="firstRow"/> + r of the step.</param>
    /// <param name="isStratified">Spreads t evenly over the rows of the global batch, t_i = (u + i / B) mod 1, instead of drawing each one.</param>
    /// <param name="levels">Where t lies; all of [0, 1] unless given.</param>
    public static NoisedBatch Noise(
        int[][] x0, int maskTokenId, CounterRandom random, uint step, bool isStratified = false, int firstRow = 0, int? globalBatch = null, NoiseLevels? levels = null)
    {
        double[] t = new double[x0.Length];
        double[][] uniform = new double[x0.Length][];
        for (int row = 0; row < x0.Length; row++)
        {
            ulong globalRow = (ulong)(firstRow + row);
            double u = isStratified
                ? (random.Uniform(step, 0, RandomStream.NoiseLevel) + ((double)globalRow / (globalBatch ?? x0.Length))) % 1
                : random.Uniform(step, globalRow, RandomStream.NoiseLevel);
            t[row] = (levels ?? NoiseLevels.All).At(u);
            uniform[row] = new double[x0[row].Length];
            for (int position = 0; position < uniform[row].Length; position++)
                uniform[row][position] = random.Uniform(step, (globalRow << 32) | (uint)position, RandomStream.Mask);
        }
        return Noise(x0, maskTokenId, t, uniform);
    }

    /// <summary>Noises a batch with given draws: a token is masked where its uniform number lies below p_mask.</summary>
    /// <param name="t">[B], in [0, 1].</param>
    /// <param name="uniform">[B][L], in [0, 1).</param>
    public static NoisedBatch Noise(int[][] x0, int maskTokenId, double[] t, double[][] uniform)
    {
        int length = x0[0].Length;
        long[] noisy = new long[x0.Length * length];
        List<MaskedToken> masked = [];
        for (int row = 0; row < x0.Length; row++)
        {
            double probability = MaskProbability(t[row]);
            for (int position = 0; position < length; position++)
            {
                bool isMasked = uniform[row][position] < probability;
                int index = (row * length) + position;
                noisy[index] = isMasked ? maskTokenId : x0[row][position];
                if (isMasked)
                    masked.Add(new MaskedToken(row, position, index, x0[row][position], probability));
            }
        }
        return new NoisedBatch(noisy, x0.Length, length, masked);
    }
}

/// <summary>One token that the forward process hid: what is to be predicted, and with which weight 1 / <paramref name="Probability"/>.</summary>
/// <param name="Index">row * L + position.</param>
public readonly record struct MaskedToken(int Row, int Position, int Index, int Token, double Probability);

/// <summary>x_t of a batch.</summary>
/// <param name="Tokens">[B * L], row by row.</param>
/// <param name="Masked">In the order of the canvas.</param>
public sealed record NoisedBatch(long[] Tokens, int BatchSize, int Length, IReadOnlyList<MaskedToken> Masked)
{
    /// <summary>Where the tokens of each row end and padding begins that nobody attends to, [B]; null where there is none.</summary>
    public int[]? Ends { get; init; }

    /// <returns>[B, L], int64.</returns>
    public Tensor ToTensor(Device device) => PinnedUpload.To(device, Tokens, [BatchSize, Length]);

    /// <returns>[B, L], bool: false in padding; null where there is none.</returns>
    public Tensor? IsToken(Device device) => Ends is null || Array.TrueForAll(Ends, end => end == Length)
        ? null
        : PinnedUpload.To(device, [.. Ends.SelectMany(end => Enumerable.Range(0, Length).Select(position => position < end))], [BatchSize, Length]);

    /// <summary>The same with the first tokens of each row given instead of noised: what SFT does with prompts.</summary>
    /// <param name="promptLengths">[B].</param>
    /// <param name="x0">Clean tokens, [B][L].</param>
    public NoisedBatch RestorePrompts(int[] promptLengths, int[][] x0) =>
        Restore(x0, token => token.Position < promptLengths[token.Row]);

    /// <summary>The same with prompts, and padding that nobody sees, given instead of noised.</summary>
    public NoisedBatch Restore(TrainingBatch batch) =>
        Restore(batch.Rows, token => token.Position < batch.PromptLengths[token.Row] || token.Position >= batch.Ends[token.Row]) with { Ends = batch.Ends };

    /// <summary>Some of its rows.</summary>
    public NoisedBatch Slice(int firstRow, int numRows)
    {
        int first = firstRow * Length, count = numRows * Length;
        return new NoisedBatch(Tokens[first..(first + count)], numRows, Length,
            [.. Masked.Where(token => token.Index >= first && token.Index < first + count).Select(token => token with { Row = token.Row - firstRow, Index = token.Index - first })])
        {
            Ends = Ends?[firstRow..(firstRow + numRows)],
        };
    }

    private NoisedBatch Restore(int[][] x0, Func<MaskedToken, bool> isGiven)
    {
        long[] tokens = [.. Tokens];
        foreach (var token in Masked.Where(isGiven))
            tokens[token.Index] = x0[token.Row][token.Position];
        return this with { Tokens = tokens, Masked = [.. Masked.Where(token => !isGiven(token))] };
    }
}
