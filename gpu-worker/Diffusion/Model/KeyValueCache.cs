using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Keys and values of one canvas in all layers, kept between denoising steps (Fast-dLLM). Keys are kept after rotation, since positions
/// never
/// change.
/// </summary>
/// <remarks>
/// Where every token sees all, an approximation: every key depends on every token, so entries that are not recomputed are stale, and a pass
/// over the whole canvas refreshes all of them. In a block-causal model the entries of finished blocks are exact.
/// </remarks>
public sealed class KeyValueCache : IDisposable
{
    /// <param name="length">Tokens of the canvas.</param>
    /// <param name="type">The model's compute type.</param>
    public KeyValueCache(LLaDAConfig config, int length, ScalarType type, Device device)
    {
        Length = length;
        (Keys, Values) = (Layers(), Layers());

        Tensor Layers() =>
            empty([config.NumLayers, length, config.NumKeyValueHeads, config.HeadWidth], type, device).DetachFromDisposeScope();
    }

    private KeyValueCache(Tensor keys, Tensor values) => (Keys, Values, Length) = (keys, values, (int)keys.shape[1]);

    public int Length { get; }

    /// <summary>[layers, L, K, E].</summary>
    internal Tensor Keys { get; }

    /// <summary>[layers, L, K, E].</summary>
    internal Tensor Values { get; }

    /// <summary>Bytes of the keys and values.</summary>
    public long NumBytes => 2 * Keys.numel() * Keys.element_size();

    public void Dispose()
    {
        Keys.Dispose();
        Values.Dispose();
    }

    /// <summary>Copies the keys and values of some positions out.</summary>
    internal KeyValueCache Copy(int start, int length)
    {
        using var scope = NewDisposeScope();
        Tensor Part(Tensor all) => all.narrow(1, start, length).clone().DetachFromDisposeScope();
        return new KeyValueCache(Part(Keys), Part(Values));
    }

    /// <summary>Takes over the keys and values of positions from <paramref name="start"/> on.</summary>
    internal void Put(int start, KeyValueCache part)
    {
        using var scope = NewDisposeScope();
        Keys.narrow(1, start, part.Length).copy_(part.Keys);
        Values.narrow(1, start, part.Length).copy_(part.Values);
    }

    /// <summary>Stores the keys and values of the tokens that passed.</summary>
    /// <param name="positions">[n], int64, ascending.</param>
    /// <param name="keys">[n, K, E].</param>
    /// <param name="values">[n, K, E].</param>
    /// <returns>The keys and values of the whole canvas, [L, K, E] each, views of the cache.</returns>
    internal (Tensor Keys, Tensor Values) Update(int layer, Tensor positions, Tensor keys, Tensor values)
    {
        return (Updated(Keys, keys), Updated(Values, values));

        Tensor Updated(Tensor all, Tensor passed)
        {
            var kept = all.select(0, layer);
            return positions.shape[0] == Length ? kept.copy_(passed) : kept.index_copy_(0, positions, passed);
        }
    }
}
