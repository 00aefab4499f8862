using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>The segments of a pass as block.torchscript reads them. Its numbers belong to the dispose scope that it is made in.</summary>
/// <param name="Numbers">[2 + segments * 6], int64, on the CPU, as that file says.</param>
/// <param name="Bounds">Of the rows among queries and keys, where one operation attends all rows; else empty.</param>
/// <param name="Masks">Each once.</param>
/// <param name="Caches">Keys and values of each cached canvas in turn.</param>
internal sealed record SegmentTable(Tensor Numbers, Tensor[] Bounds, Tensor[] Masks, Tensor[] Caches)
{
    private const long None = -1;

    /// <param name="boundsOn">Where one operation attends rows of any lengths; null where each segment is one.</param>
    public static SegmentTable Of(IReadOnlyList<Segment> segments, Device? boundsOn = null)
    {
        List<long> numbers = [segments.Max(segment => segment.Length), segments.Max(NumSeen)];
        List<Tensor> masks = [], caches = [];
        Dictionary<object, long> indices = new(ReferenceEqualityComparer.Instance);
        foreach (var segment in segments)
        {
            numbers.AddRange([
                segment.Start, segment.NumRows, segment.Length, IndexOf(segment.Mask, masks, segment.Mask),
                IndexOf(segment.Cache, caches, segment.Cache?.Keys, segment.Cache?.Values), NumSeen(segment)]);
        }
        Tensor[] bounds = boundsOn is null || masks.Count > 0 ? [] : BoundsOf(segments, boundsOn);
        return new SegmentTable(tensor([.. numbers]), bounds, [.. masks], [.. caches]);

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

    /// <summary>Keys that a row of a segment sees.</summary>
    private static int NumSeen(Segment segment) => segment.NumSeen ?? segment.Cache?.Length ?? segment.Length;

    private static Tensor[] BoundsOf(IReadOnlyList<Segment> segments, Device device)
    {
        List<long> queries = [0], keys = [0];
        foreach (var segment in segments)
        {
            for (int row = 0; row < segment.NumRows; row++)
            {
                queries.Add(queries[^1] + segment.Length);
                keys.Add(keys[^1] + NumSeen(segment));
            }
        }
        Tensor Upload(List<long> places) => PinnedUpload.To(device, [.. places]).to(ScalarType.Int32);
        return [Upload(queries), Upload(keys)];
    }
}
