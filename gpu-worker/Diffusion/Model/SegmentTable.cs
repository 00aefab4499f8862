using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>The segments of a pass as block.torchscript reads them. Its numbers belong to the dispose scope that it is made in.</summary>
/// <param name="Numbers">[segments * 7], int64, on the CPU, as that file says.</param>
/// <param name="Masks">Each once.</param>
/// <param name="Caches">Keys and values of each cached canvas in turn.</param>
/// <param name="Positions">Of the segments that pass a part of their cached canvas.</param>
internal sealed record SegmentTable(Tensor Numbers, Tensor[] Masks, Tensor[] Caches, Tensor[] Positions)
{
    private const long None = -1;

    public static SegmentTable Of(IReadOnlyList<Segment> segments)
    {
        List<long> numbers = [];
        List<Tensor> masks = [], caches = [], positions = [];
        Dictionary<object, long> indices = new(ReferenceEqualityComparer.Instance);
        foreach (var segment in segments)
        {
            numbers.AddRange([
                segment.Start, segment.NumRows, segment.Length,
                IndexOf(segment.Mask, masks, segment.Mask),
                IndexOf(segment.Cache, caches, segment.Cache?.Keys, segment.Cache?.Values),
                segment.Cache is null ? None : IndexOf(segment.CachePositions, positions, segment.CachePositions),
                segment.NumSeen ?? segment.Cache?.Length ?? 0]);
        }
        return new SegmentTable(tensor([.. numbers]), [.. masks], [.. caches], [.. positions]);

        long IndexOf(object? item, List<Tensor> list, params ReadOnlySpan<Tensor?> tensors)
        {
            if (item is null)
                return None;
            if (!indices.TryGetValue(item, out long index))
            {
                indices[item] = index = list.Count / tensors.Length;
                foreach (var part in tensors)
                    list.Add(part!);
            }
            return index;
        }
    }
}
