using System.Globalization;
using System.Runtime.InteropServices;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// Keys and values of the blocks that rows of block-causal models begin with, kept for rows that begin alike: the latest used ones, up to a
/// number of bytes.
/// </summary>
/// <remarks>
/// A block's keys and values follow from its tokens and those before it alone, and they are computed with the same shapes wherever the
/// block passes. So a row has the same bits with them as without. Rows of different scopes share nothing. Used on the thread of the model.
/// </remarks>
/// <param name="maxBytes">Of all kept blocks; 0 keeps none.</param>
internal sealed class SharedPrefixes(long maxBytes) : IDisposable
{
    private readonly Dictionary<Key, Block> _blocks = [];
    private readonly LinkedList<Block> _byUse = [];
    private long _lastId;

    /// <summary>Bytes of the kept blocks.</summary>
    public long NumBytes { get; private set; }

    /// <summary>Gives rows the kept blocks that they begin with, before the step that passes the rest of their prefix.</summary>
    /// <param name="rows">Rows of the coming step, with their scopes.</param>
    /// <returns>The rows that pass: of those whose next block is the same, the first computes it, and the others wait for it.</returns>
    public IReadOnlyList<DenoisingRow> Ready(IEnumerable<(DenoisingRow Row, string Scope)> rows, KeyValueArena caches)
    {
        HashSet<Key> computed = [];
        List<DenoisingRow> ready = [];
        foreach (var (row, scope) in rows)
        {
            if (maxBytes > 0 && row is BlockCausalRow { SharesPrefix: true } sharing && !TryReuse(sharing, scope, caches, computed))
                continue;
            ready.Add(row);
        }
        return ready;
    }

    /// <summary>Keeps the blocks that a row has computed at its beginning.</summary>
    public void Keep(BlockCausalRow row, string scope, KeyValueArena caches)
    {
        var keys = new PrefixKeys(row, scope);
        var path = Path(keys);
        Touch(path);
        var cache = row.CacheIn(caches, isUnconditional: false)!;
        long bytesOfBlock = caches.BytesOfPlace * keys.BlockLength;
        int numFitting = (int)Math.Min(keys.Count, maxBytes / bytesOfBlock);
        Evict(Math.Max(0, numFitting - path.Count) * bytesOfBlock);
        foreach (var values in Split(cache, path.Count, numFitting, keys.BlockLength))
        {
            var block = new Block(++_lastId, keys.At(path.Count, Last(path)), values);
            _blocks.Add(block.Key, block);
            NumBytes += bytesOfBlock;
            path.Add(block);
        }
        Touch(path);
    }

    public void Dispose()
    {
        foreach (var block in _blocks.Values)
            block.Values.Dispose();
        _blocks.Clear();
        _byUse.Clear();
        NumBytes = 0;
    }

    private bool TryReuse(BlockCausalRow row, string scope, KeyValueArena caches, HashSet<Key> computed)
    {
        var keys = new PrefixKeys(row, scope);
        var path = Path(keys);
        Touch(path);
        int numKept = row.NumKept / keys.BlockLength;
        if (path.Count > numKept)
        {
            using var values = cat([.. path.Skip(numKept).Select(block => block.Values)], 1);
            row.CacheIn(caches, isUnconditional: false)!.Put(numKept * keys.BlockLength, values);
        }
        row.Reuse(path.Count * keys.BlockLength);
        return path.Count == keys.Count || computed.Add(keys.At(path.Count, Last(path)));
    }

    /// <summary>Copies of the blocks from <paramref name="first"/> on, [2 * layers, block, K, E] each.</summary>
    private static List<Tensor> Split(KeyValueCache cache, int first, int end, int length)
    {
        if (first >= end)
            return [];
        using var scope = NewDisposeScope();
        var all = cache.Copy(first * length, (end - first) * length);
        return [.. all.split(length, 1).Select(block => block.clone().DetachFromDisposeScope())];
    }

    /// <summary>The kept blocks that a prefix begins with.</summary>
    private List<Block> Path(PrefixKeys keys)
    {
        List<Block> path = [];
        while (path.Count < keys.Count && _blocks.TryGetValue(keys.At(path.Count, Last(path)), out var block))
            path.Add(block);
        return path;
    }

    /// <summary>A block is always used later than those behind it, so the one used longest ago is the last of its line.</summary>
    private void Touch(List<Block> path)
    {
        foreach (var block in Enumerable.Reverse(path))
        {
            if (block.Node.List is not null)
                _byUse.Remove(block.Node);
            _byUse.AddFirst(block.Node);
        }
    }

    private void Evict(long neededBytes)
    {
        while (NumBytes + neededBytes > maxBytes && _byUse.Last is { Value: var oldest })
        {
            _byUse.RemoveLast();
            _blocks.Remove(oldest.Key);
            NumBytes -= oldest.Values.numel() * oldest.Values.element_size();
            oldest.Values.Dispose();
        }
    }

    private static long Last(List<Block> path) => path.Count == 0 ? 0 : path[^1].Id;

    /// <param name="Before">Id of the block before, 0 for none.</param>
    /// <param name="Tokens">The block's tokens as characters; in a first block behind its scope and length.</param>
    private readonly record struct Key(long Before, string Tokens);

    private sealed class Block
    {
        public Block(long id, Key key, Tensor values)
        {
            (Id, Key, Values) = (id, key, values);
            Node = new LinkedListNode<Block>(this);
        }

        public long Id { get; }

        public Key Key { get; }

        public Tensor Values { get; }

        public LinkedListNode<Block> Node { get; }
    }

    /// <summary>The keys of the blocks of a row's prefix.</summary>
    private readonly struct PrefixKeys(BlockCausalRow row, string scope)
    {
        public int BlockLength { get; } = row.BlockLength!.Value;

        public int Count => row.PrefixLength / BlockLength;

        public Key At(int index, long before)
        {
            var tokens = MemoryMarshal.Cast<int, char>(row.Canvas.AsSpan(index * BlockLength, BlockLength));
            string text = index > 0
                ? new string(tokens)
                : string.Create(CultureInfo.InvariantCulture, $"{scope}/{BlockLength}/{tokens}");
            return new Key(before, text);
        }
    }
}
