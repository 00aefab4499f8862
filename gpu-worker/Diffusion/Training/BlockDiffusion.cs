using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// The pass of block diffusion (Arriola et al. 2025): each row is x_t followed by x_0. A noised block sees itself and the clean blocks
/// before it; a clean block sees the clean ones up to itself; no sample sees another.
/// </summary>
internal static class BlockDiffusion
{
    /// <summary>The noised and the clean tokens of the rows, B rows of 2 L tokens; positions count within a sample.</summary>
    /// <param name="batch">With its clean tokens.</param>
    public static PackedTokens Pack(NoisedBatch batch, MaskPredictor model)
    {
        int blockLength = model.Config.BlockLength
            ?? throw new ArgumentException("Block diffusion trains block-causal models", nameof(model));
        var (rows, length) = (batch.BatchSize, batch.Length);
        if (length > model.Config.MaxSequenceLength)
        {
            throw new ArgumentException(
                $"A row of {length} tokens is longer than the model's {model.Config.MaxSequenceLength}", nameof(batch));
        }
        var tokens = cat([batch.ToTensor(model.Device), PinnedUpload.To(model.Device, batch.Clean!, [rows, length])], 1);
        long[] positions = [.. Enumerable.Range(0, rows).SelectMany(row => Twice(Places(batch, row).Select(place => place.Position)))];
        var segment = new Segment(0, rows, 2 * length) { Mask = Mask(batch, blockLength, model.Device) };
        return new PackedTokens(tokens.flatten(), PinnedUpload.To(model.Device, positions), [segment]);
    }

    /// <returns>[B or 1, 1, 2 L, 2 L], true where a token may be seen; one for all rows where none has more than one sample.</returns>
    public static Tensor Mask(NoisedBatch batch, int blockLength, Device device)
    {
        using var scope = NewDisposeScope();
        bool isAlike = batch.Samples is null || batch.Samples.All(samples => samples.Length == 1);
        int rows = isAlike ? 1 : batch.BatchSize;
        Tensor Of(Func<(int Sample, long Position), long> value)
        {
            long[] all = [.. Enumerable.Range(0, rows).SelectMany(row => Places(batch, row).Select(value))];
            return PinnedUpload.To(device, all, [rows, batch.Length]);
        }
        var samples = Of(place => place.Sample);
        var blocks = Of(place => place.Position / blockLength);
        Tensor Pairs(Tensor values, Func<Tensor, Tensor, Tensor> compare) => compare(values.unsqueeze(2), values.unsqueeze(1));
        var isSame = Pairs(samples, (query, key) => query.eq(key));                                              // [rows, L, L]
        var noisedSeesNoised = isSame.logical_and(Pairs(blocks, (query, key) => query.eq(key)));
        var noisedSeesClean = isSame.logical_and(Pairs(blocks, (query, key) => query.gt(key)));
        var cleanSeesClean = isSame.logical_and(Pairs(blocks, (query, key) => query.ge(key)));
        var noised = cat([noisedSeesNoised, noisedSeesClean], 2);
        var clean = cat([zeros_like(noisedSeesNoised), cleanSeesClean], 2);
        return cat([noised, clean], 1).unsqueeze(1).MoveToOuterDisposeScope();
    }

    /// <summary>The sample of each position of a row, and its place there.</summary>
    private static IEnumerable<(int Sample, long Position)> Places(NoisedBatch batch, int row) => batch.Samples is { } samples
        ? samples[row].Index().SelectMany(sample => Enumerable.Range(0, sample.Item).Select(place => (sample.Index, (long)place)))
        : Enumerable.Range(0, batch.Length).Select(place => (0, (long)place));

    private static IEnumerable<long> Twice(IEnumerable<long> positions)
    {
        long[] all = [.. positions];
        return [.. all, .. all];
    }
}
