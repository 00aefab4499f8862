using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Keys and values of one canvas in all layers, kept between denoising steps (Fast-dLLM). Keys are kept after rotation, since positions
/// never
/// change.
/// </summary>
/// <remarks>
/// An approximation: without a causal mask every key depends on every token, so entries that are not recomputed are stale. A pass over the
/// whole canvas refreshes all of them.
/// </remarks>
public sealed class KeyValueCache : IDisposable
{
    private readonly Tensor[] _keys;
    private readonly Tensor[] _values;

    /// <param name="length">Tokens of the canvas.</param>
    /// <param name="type">The model's compute type.</param>
    public KeyValueCache(LLaDAConfig config, int length, ScalarType type, Device device)
    {
        Length = length;
        (_keys, _values) = (Layers(), Layers());

        Tensor[] Layers() => [.. Enumerable.Range(0, config.NumLayers).Select(_ =>
            empty([length, config.NumKeyValueHeads, config.HeadWidth], type, device).DetachFromDisposeScope())];
    }

    public int Length { get; }

    public void Dispose()
    {
        foreach (var tensor in _keys.Concat(_values))
            tensor.Dispose();
    }

    /// <summary>Stores the keys and values of the tokens that passed.</summary>
    /// <param name="positions">[n], int64; null for the whole canvas.</param>
    /// <param name="keys">[n, K, E].</param>
    /// <param name="values">[n, K, E].</param>
    /// <returns>The keys and values of the whole canvas, [L, K, E] each, owned by the cache.</returns>
    internal (Tensor Keys, Tensor Values) Update(int layer, Tensor? positions, Tensor keys, Tensor values)
    {
        if (positions is null)
        {
            _keys[layer].copy_(keys);
            _values[layer].copy_(values);
        }
        else
        {
            _keys[layer].index_copy_(0, positions, keys);
            _values[layer].index_copy_(0, positions, values);
        }
        return (_keys[layer], _values[layer]);
    }
}
