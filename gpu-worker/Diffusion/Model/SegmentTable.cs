using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>The segments of a pass as block.torchscript reads them. Its tensors belong to the dispose scope that it is made in.</summary>
/// <param name="Numbers">[3 + segments * 6], int64, on the CPU, as that file says.</param>
/// <param name="Bounds">
/// Where one operation attends all rows: of those without a cache and of those with one, where there are any, where their queries begin and
/// end, where their keys begin, and how many keys they see; else empty.
/// </param>
/// <param name="Masks">Each once.</param>
/// <param name="Slots">[n], int64: the places of the arena that store the tokens of cached canvases; empty where there is none.</param>
/// <param name="Arena">Of all cached canvases.</param>
internal sealed record SegmentTable(Tensor Numbers, Tensor[] Bounds, Tensor[] Masks, Tensor[] Slots, KeyValueArena? Arena)
{
    private const long None = -1;

    /// <param name="positions">[T], int64: each token's position in its own canvas.</param>
    /// <param name="joinsRows">Whether one operation attends rows of any lengths; otherwise each segment is one.</param>
    /// <exception cref="ArgumentException">Cached canvases lie in several arenas, or stand before others in the pass.</exception>
    public static SegmentTable Of(IReadOnlyList<Segment> segments, Tensor positions, bool joinsRows = false)
    {
        var (own, cached) = Split(segments);
        int numOwn = own.Count == 0 ? 0 : own[^1].End;
        List<long> numbers = [numOwn, segments.Max(segment => segment.Length), segments.Max(NumSeen)];
        List<Tensor> masks = [];
        foreach (var segment in segments)
        {
            numbers.AddRange([
                segment.Start, segment.NumRows, segment.Length, IndexOf(segment.Mask), segment.Cache?.Start ?? None, NumSeen(segment)]);
        }
        Tensor[] bounds = joinsRows && masks.Count == 0 ? [.. BoundsOf(own, positions.device), .. BoundsOf(cached, positions.device)] : [];
        return new SegmentTable(
            tensor([.. numbers]), bounds, [.. masks], cached.Count == 0 ? [] : [SlotsOf(cached, positions, numOwn)],
            cached.Count == 0 ? null : cached[0].Cache!.Arena);

        long IndexOf(Tensor? mask)
        {
            if (mask is null)
                return None;
            int index = masks.FindIndex(other => ReferenceEquals(other, mask));
            if (index < 0)
                masks.Add(mask);
            return index < 0 ? masks.Count - 1 : index;
        }
    }

    /// <summary>Keys and values of the cached canvases in a layer; empty where there is none.</summary>
    public Tensor[] Kept(int layer) => Arena?.Of(layer) ?? [];

    private static (List<Segment> Own, List<Segment> Cached) Split(IReadOnlyList<Segment> segments)
    {
        List<Segment> own = [.. segments.TakeWhile(segment => segment.Cache is null)], cached = [.. segments.Skip(own.Count)];
        if (cached.Exists(segment => segment.Cache is null))
            throw new ArgumentException("Canvases with a cache stand behind those without one in a pass");
        if (cached.Select(segment => segment.Cache!.Arena).Distinct().Skip(1).Any())
            throw new ArgumentException("The cached canvases of a pass lie in one arena");
        return (own, cached);
    }

    /// <summary>Keys that a row of a segment sees.</summary>
    private static int NumSeen(Segment segment) => segment.NumSeen ?? segment.Cache?.Length ?? segment.Length;

    private static Tensor SlotsOf(List<Segment> cached, Tensor positions, int start)
    {
        long[] starts = [.. cached.SelectMany(segment => Enumerable.Repeat((long)segment.Cache!.Start, segment.Length))];
        return positions.narrow(0, start, starts.Length).Add(PinnedUpload.To(positions.device, starts));
    }

    private static IEnumerable<Tensor> BoundsOf(List<Segment> segments, Device device)
    {
        if (segments.Count == 0)
            return [];
        List<long> queries = [0], keys = [], seen = [];
        foreach (var segment in segments)
        {
            for (int row = 0; row < segment.NumRows; row++)
            {
                keys.Add(segment.Cache?.Start ?? queries[^1]);
                seen.Add(NumSeen(segment));
                queries.Add(queries[^1] + segment.Length);
            }
        }
        keys.Add(queries[^1]);
        return new[] { queries, keys, seen }.Select(numbers => PinnedUpload.To(device, [.. numbers]).to(ScalarType.Int32));
    }
}
