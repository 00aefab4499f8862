using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>Packs what passes through the network in one denoising step: each row's canvas or part of it, and for guided rows the one with all given tokens masked.</summary>
internal sealed class StepPass(MaskPredictor model)
{
    /// <summary>
    /// The pass is padded to a multiple of this many tokens. Matrix products of very few rows take other paths through the processor and round differently,
    /// which would let the size of a neighbour be felt.
    /// </summary>
    private const int TokenStep = 16;

    private readonly List<long> _tokens = [];
    private readonly List<long> _positions = [];
    private readonly List<Segment> _segments = [];

    /// <returns>By candidate of the row: its place in the pass.</returns>
    public IEnumerable<long> Add(DenoisingRow row, bool isUnconditional)
    {
        int start = _tokens.Count;
        int[] positions = row.Pass ?? [.. Enumerable.Range(0, row.Canvas.Length)];
        foreach (int position in positions)
        {
            _tokens.Add(isUnconditional && row.IsGiven[position] ? model.Config.MaskTokenId : row.Canvas[position]);
            _positions.Add(position);
        }
        _segments.Add(new Segment(start, 1, positions.Length)
        {
            Cache = row.Options.Cache == CachePolicy.None ? null : Cache(row, isUnconditional),
            CachePositions = row.Pass is null ? null : PinnedUpload.To(model.Device, [.. positions.Select(position => (long)position)]),
        });
        return row.Candidates.Select(position => (long)(start + (row.Pass is null ? position : Array.BinarySearch(positions, position))));
    }

    /// <returns>[T, D].</returns>
    public Tensor Hidden()
    {
        while (_tokens.Count % TokenStep != 0)
        {
            _tokens.Add(model.Config.PadTokenId);
            _positions.Add(0);
        }
        return model.Hidden(new PackedTokens(PinnedUpload.To(model.Device, [.. _tokens]), PinnedUpload.To(model.Device, [.. _positions]), _segments));
    }

    private KeyValueCache Cache(DenoisingRow row, bool isUnconditional)
    {
        var (conditional, unconditional) = row.Caches;
        if (isUnconditional)
            unconditional ??= NewCache(row);
        else
            conditional ??= NewCache(row);
        row.Caches = (conditional, unconditional);
        return isUnconditional ? unconditional! : conditional!;
    }

    private KeyValueCache NewCache(DenoisingRow row) => new(model.Config, row.Canvas.Length, model.ComputeType, model.Device);
}
