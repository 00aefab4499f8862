using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Who sees whom in a block-causal model: a position sees those whose block, position / block length, is not after its own.
/// </summary>
public static class BlockCausalMask
{
    /// <param name="firstQuery">Position of the first token that passes; the others follow it.</param>
    /// <param name="numQueries">Tokens that pass.</param>
    /// <param name="numKeys">Positions that may be seen, from 0 on.</param>
    /// <param name="blockLength">At least 1.</param>
    /// <returns>[1, 1, numQueries, numKeys], bool.</returns>
    public static Tensor Of(int firstQuery, int numQueries, int numKeys, int blockLength, Device device)
    {
        using var scope = NewDisposeScope();
        Tensor Blocks(int first, int count) =>
            PinnedUpload.To(device, [.. Enumerable.Range(first, count).Select(position => (long)(position / blockLength))]);
        var mask = Blocks(firstQuery, numQueries).unsqueeze(1).ge(Blocks(0, numKeys).unsqueeze(0));
        return mask.view(1, 1, numQueries, numKeys).MoveToOuterDisposeScope();
    }

    /// <summary>Gives the segments of a pass without a cache their masks; segments of one shape share one.</summary>
    internal static PackedTokens Complete(PackedTokens packed, LLaDAConfig config)
    {
        if (config.BlockLength is not { } usual)
            return packed;
        Dictionary<(int Length, int BlockLength), Tensor> masks = [];
        return packed with { Segments = [.. packed.Segments.Select(Complete)] };

        Segment Complete(Segment segment)
        {
            if (segment.Cache is not null || segment.Mask is not null)
                return segment;
            var shape = (segment.Length, BlockLength: segment.BlockLength ?? usual);
            if (!masks.TryGetValue(shape, out var mask))
                masks[shape] = mask = Of(0, shape.Length, shape.Length, shape.BlockLength, packed.Tokens.device);
            return segment with { Mask = mask };
        }
    }
}
