using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// The forward pass of one denoising step: canvases, or parts of them, packed end to end; guided rows pass a second time with all given
/// tokens masked.
/// </summary>
/// <remarks>
/// On a card, rows of equal length that keep nothing are one segment, so that their attention is one operation. On a CPU libtorch's
/// attention rounds by the thread that a row falls to, so each row is a segment of its own there.
/// </remarks>
internal sealed class StepPass
{
    private readonly MaskPredictor _model;
    private readonly KeyValueArena _caches;
    private readonly List<long> _tokens = [];
    private readonly List<long> _positions = [];
    private readonly List<Segment> _segments = [];
    private readonly Dictionary<PassedRow, int> _starts = [];

    /// <param name="caches">Where cached rows keep their keys and values.</param>
    public StepPass(MaskPredictor model, KeyValueArena caches, IReadOnlyList<DenoisingRow> rows)
    {
        (_model, _caches) = (model, caches);
        PassedRow[] passed = [
            .. rows.Select(row => new PassedRow(row, IsUnconditional: false)),
            .. rows.Where(row => row.IsGuided).Select(row => new PassedRow(row, IsUnconditional: true)),
        ];
        bool joinsRows = model.Device.type != TorchSharp.DeviceType.CPU;
        foreach (var alike in passed.Where(row => !row.Row.KeepsKeysAndValues).GroupBy(row => row.Row.Canvas.Length))
            AddWhole(joinsRows ? [[.. alike]] : alike.Chunk(1), length: alike.Key);
        caches.Reserve(rows.Sum(row => row.NumPlacesMissing));
        AddCached(passed.Where(row => row.Row.KeepsKeysAndValues));
    }

    /// <summary>The place whose logits predict a position of a row.</summary>
    public int PlaceOf(DenoisingRow row, bool isUnconditional, int position)
    {
        int place = _model.Config.PlaceOf(position);
        return _starts[new(row, isUnconditional)]
            + (row.PassedPositions is { } passed ? Array.BinarySearch(passed, place) : place);
    }

    /// <summary>Runs the network up to its head.</summary>
    /// <returns>[T, D].</returns>
    public Tensor Hidden()
    {
        int multiple = _model.RowMultiple;
        while (_tokens.Count % multiple != 0)
        {
            _tokens.Add(_model.Config.PadTokenId);
            _positions.Add(0);
        }
        return _model.Hidden(new PackedTokens(
            PinnedUpload.To(_model.Device, [.. _tokens]), PinnedUpload.To(_model.Device, [.. _positions]), _segments));
    }

    private void AddWhole(IEnumerable<PassedRow[]> segments, int length)
    {
        foreach (var rows in segments)
        {
            _segments.Add(new Segment(_tokens.Count, rows.Length, length));
            foreach (var row in rows)
                Add(row);
        }
    }

    private void AddCached(IEnumerable<PassedRow> rows)
    {
        foreach (var row in rows)
        {
            int start = _tokens.Count;
            int[] positions = Add(row);
            var segment = new Segment(start, 1, positions.Length) { Cache = row.Row.CacheIn(_caches, row.IsUnconditional) };
            if (row.Row.BlockLength is { } blockLength)
                _segments.AddRange(Blocks(segment, positions, blockLength));
            else
                _segments.Add(segment);
        }
    }

    /// <summary>
    /// Each block is a segment of its own: all store their keys and values, and then each sees those up to itself, so no mask is needed,
    /// and a block has the same bits whichever blocks pass with it.
    /// </summary>
    private static IEnumerable<Segment> Blocks(Segment segment, int[] positions, int blockLength)
    {
        for (int index = 0, length; index < positions.Length; index += length)
        {
            length = Math.Min(positions.Length - index, blockLength - (positions[index] % blockLength));
            yield return segment with { Start = segment.Start + index, Length = length, NumSeen = positions[index] + length };
        }
    }

    /// <returns>The positions that pass.</returns>
    private int[] Add(PassedRow passed)
    {
        var row = passed.Row;
        _starts.Add(passed, _tokens.Count);
        int[] positions = row.PassedPositions ?? [.. Enumerable.Range(0, row.Canvas.Length)];
        foreach (int position in positions)
        {
            _tokens.Add(passed.IsUnconditional && row.IsGiven[position] ? _model.Config.MaskTokenId : row.Canvas[position]);
            _positions.Add(position);
        }
        return positions;
    }

    private readonly record struct PassedRow(DenoisingRow Row, bool IsUnconditional);
}
