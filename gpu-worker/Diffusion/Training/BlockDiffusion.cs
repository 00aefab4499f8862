using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// The pass of block diffusion (Arriola et al. 2025): each row is x_t followed by x_0. A noised block sees itself and the clean blocks
/// before it, as in generation; a clean block sees the clean ones up to itself; no sample sees another.
/// </summary>
/// <param name="Length">L, tokens of a row.</param>
/// <param name="Noised">x_t, [B * L].</param>
/// <param name="Clean">x_0, [B * L].</param>
internal sealed record BlockDiffusion(int Length, long[] Noised, long[] Clean)
{
    /// <summary>The lengths of the samples that each row holds; null where each row is one.</summary>
    public int[][]? Samples { get; init; }

    private int NumRows => Noised.Length / Length;

    /// <summary>B rows of 2 L tokens; positions count within a sample.</summary>
    /// <exception cref="ArgumentException">The model is not block-causal, or a row is longer than its context.</exception>
    public PackedTokens Pack(MaskPredictor model)
    {
        int blockLength = model.Config.BlockLength
            ?? throw new ArgumentException("Block diffusion is for block-causal models", nameof(model));
        if (Length > model.Config.MaxSequenceLength)
        {
            throw new ArgumentException(
                $"A row of {Length} tokens is longer than the model's {model.Config.MaxSequenceLength}", nameof(model));
        }

        Tensor Rows(long[] values) => PinnedUpload.To(model.Device, values, [NumRows, Length]);
        long[] positions = [.. Enumerable.Range(0, NumRows).SelectMany(row => Places(row).Select(place => place.Position))];
        var segment = new Segment(0, NumRows, 2 * Length) { Mask = Mask(blockLength, model.Device) };
        Tensor Both(long[] noised, long[] clean) => cat([Rows(noised), Rows(clean)], 1).flatten();
        return new PackedTokens(Both(Noised, Clean), Both(positions, positions), [segment]);
    }

    /// <returns>[B or 1, 1, 2 L, 2 L], true where a token may be seen; one for all rows where each is one sample.</returns>
    public Tensor Mask(int blockLength, Device device)
    {
        using var scope = NewDisposeScope();
        int rows = Samples is null || Array.TrueForAll(Samples, samples => samples.Length == 1) ? 1 : NumRows;
        Tensor Of(Func<(int Sample, long Position), long> value)
        {
            long[] all = [.. Enumerable.Range(0, rows).SelectMany(row => Places(row).Select(value))];
            return PinnedUpload.To(device, all, [rows, Length]);
        }
        var (samples, blocks) = (Of(place => place.Sample), Of(place => place.Position / blockLength));
        static Tensor Pairs(Tensor values, Func<Tensor, Tensor, Tensor> compare) => compare(values.unsqueeze(2), values.unsqueeze(1));
        var isSame = Pairs(samples, (query, key) => query.eq(key));                                              // [rows, L, L]
        var noisedSeesNoised = isSame.logical_and(Pairs(blocks, (query, key) => query.eq(key)));
        var noisedSeesClean = isSame.logical_and(Pairs(blocks, (query, key) => query.gt(key)));
        var cleanSeesClean = isSame.logical_and(Pairs(blocks, (query, key) => query.ge(key)));
        var noised = cat([noisedSeesNoised, noisedSeesClean], 2);
        var clean = cat([zeros_like(noisedSeesNoised), cleanSeesClean], 2);
        return cat([noised, clean], 1).unsqueeze(1).MoveToOuterDisposeScope();
    }

    /// <summary>The sample of each position of a row, and its place there.</summary>
    private IEnumerable<(int Sample, long Position)> Places(int row) => Samples is { } samples
        ? samples[row].Index().SelectMany(sample => Enumerable.Range(0, sample.Item).Select(place => (sample.Index, (long)place)))
        : Enumerable.Range(0, Length).Select(place => (0, (long)place));
}
