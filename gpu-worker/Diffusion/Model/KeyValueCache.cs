using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Keys and values of one canvas in all layers, kept between denoising steps (Fast-dLLM). Keys are kept after rotation, since positions
/// never change.
/// </summary>
/// <remarks>
/// Where every token sees all, an approximation: every key depends on every token, so entries that are not recomputed are stale, and a pass
/// over the whole canvas refreshes all of them. In a block-causal model the entries of finished blocks are exact.
/// </remarks>
public sealed class KeyValueCache : IDisposable
{
    private int? _start;

    internal KeyValueCache(KeyValueArena arena, int start, int length) => (Arena, _start, Length) = (arena, start, length);

    public int Length { get; }

    internal KeyValueArena Arena { get; }

    /// <summary>Its first place in the arena.</summary>
    /// <exception cref="ObjectDisposedException">It is disposed, or its arena is.</exception>
    internal int Start => _start ?? throw new ObjectDisposedException(nameof(KeyValueCache));

    /// <summary>The place behind its last one.</summary>
    internal int End => Start + Length;

    /// <summary>Frees its places.</summary>
    public void Dispose()
    {
        if (_start is not null)
            Arena.Return(this);
        _start = null;
    }

    /// <summary>Keys and values of a layer, [L, K, E] each, views of the arena.</summary>
    internal Tensor[] Of(int layer) => Array.ConvertAll(Arena.Of(layer), all => all.narrow(0, Start, Length));

    /// <summary>Copies the keys and values of some positions out.</summary>
    /// <returns>[2 * layers, length, K, E], keys and values of a layer next to each other, in the dispose scope of the caller.</returns>
    internal Tensor Copy(int start, int length)
    {
        using var scope = NewDisposeScope();
        var parts = Enumerable.Range(0, Arena.NumLayers).SelectMany(Of).Select(all => all.narrow(0, start, length));
        return stack([.. parts]).MoveToOuterDisposeScope();
    }

    /// <summary>Takes over the keys and values of positions from <paramref name="start"/> on.</summary>
    /// <param name="part">As <see cref="Copy"/> gives it.</param>
    internal void Put(int start, Tensor part)
    {
        using var scope = NewDisposeScope();
        foreach (var (index, all) in Enumerable.Range(0, Arena.NumLayers).SelectMany(Of).Index())
            all.narrow(0, start, part.shape[1]).copy_(part[index]);
    }

    /// <summary>Stores the keys and values of the tokens that passed.</summary>
    /// <param name="positions">[n], int64, ascending.</param>
    /// <param name="keys">[n, K, E].</param>
    /// <param name="values">[n, K, E].</param>
    /// <returns>The keys and values of the whole canvas, [L, K, E] each, views of the cache.</returns>
    internal (Tensor Keys, Tensor Values) Update(int layer, Tensor positions, Tensor keys, Tensor values)
    {
        var kept = Of(layer);
        return (kept[0].index_copy_(0, positions, keys), kept[1].index_copy_(0, positions, values));
    }

    /// <returns>The place behind its new ones.</returns>
    internal int MoveTo(int start)
    {
        _start = start;
        return End;
    }

    /// <summary>Its arena gives up its places.</summary>
    internal void Lose() => _start = null;
}
