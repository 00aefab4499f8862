using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// The forward pass of one denoising step: canvases, or parts of them, packed end to end, and the places that need predictions.
/// </summary>
internal sealed class StepPass(MaskPredictor model)
{
    /// <summary>
    /// Tokens and predicted places are padded to a multiple of this. Matrix products of very few rows take other paths through the
    /// processor
    /// and round differently, so a row's result would depend on what else is in the pass.
    /// </summary>
    private const int Multiple = 16;

    private readonly List<long> _tokens = [];
    private readonly List<long> _positions = [];
    private readonly List<long> _places = [];
    private readonly List<Segment> _segments = [];

    /// <summary>Adds a row's tokens, and the places whose logits predict its candidates.</summary>
    /// <param name="isUnconditional">Whether all given tokens are masked, as guidance needs it.</param>
    public void Add(DenoisingRow row, bool isUnconditional)
    {
        int start = _tokens.Count;
        int[] positions = row.PassedPositions ?? [.. Enumerable.Range(0, row.Canvas.Length)];
        var cachePositions = row.PassedPositions is null ? null : Upload(positions.Select(position => (long)position));
        foreach (int position in positions)
        {
            _tokens.Add(isUnconditional && row.IsGiven[position] ? model.Config.MaskTokenId : row.Canvas[position]);
            _positions.Add(position);
        }
        var segment = new Segment(start, 1, positions.Length)
        {
            Cache = row.CacheOn(model, isUnconditional),
            CachePositions = cachePositions,
        };
        if (row.BlockLength is { } blockLength)
            _segments.AddRange(Blocks(segment, positions, blockLength));
        else
            _segments.Add(segment);
        foreach (int place in row.Candidates.Select(model.Config.PlaceOf))
            _places.Add(start + (row.PassedPositions is null ? place : Array.BinarySearch(positions, place)));
    }

    /// <summary>
    /// Each block is a segment of its own: it stores its keys and values and then sees those up to itself, so no mask is needed, and a
    /// block has the same bits whichever blocks pass with it.
    /// </summary>
    private static IEnumerable<Segment> Blocks(Segment segment, int[] positions, int blockLength)
    {
        for (int index = 0, length; index < positions.Length; index += length)
        {
            length = Math.Min(positions.Length - index, blockLength - (positions[index] % blockLength));
            yield return segment with
            {
                Start = segment.Start + index,
                Length = length,
                CachePositions = segment.CachePositions!.narrow(0, index, length),
                NumSeen = positions[index] + length,
            };
        }
    }

    /// <summary>Runs the network, and its head on the places.</summary>
    /// <returns>[N, V'], by place in the order in which rows were added.</returns>
    public Tensor Logits()
    {
        while (_tokens.Count % Multiple != 0)
        {
            _tokens.Add(model.Config.PadTokenId);
            _positions.Add(0);
        }
        int numPlaces = _places.Count;
        while (_places.Count % Multiple != 0)
            _places.Add(0);
        var hidden = model.Hidden(new PackedTokens(Upload(_tokens), Upload(_positions), _segments));             // [T, D]
        return model.Logits(hidden.index_select(0, Upload(_places))).narrow(0, 0, numPlaces);
    }

    private Tensor Upload(IEnumerable<long> values) => PinnedUpload.To(model.Device, [.. values]);
}
