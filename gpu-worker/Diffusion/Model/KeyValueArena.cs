using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Memory for the keys and values of many canvases side by side, so that a pass stores those of all of them by one operation a layer and
/// attends to them where they lie.
/// </summary>
/// <remarks>
/// It grows with the canvases, a layer at a time, and is empty where there is none. Used on the thread of the model.
/// </remarks>
/// <param name="type">The model's compute type.</param>
public sealed class KeyValueArena(LLaDAConfig config, ScalarType type, Device device) : IDisposable
{
    // By place.
    private readonly List<KeyValueCache> _caches = [];
    private Tensor[] _keys = [], _values = [];

    /// <summary>Places, of which each holds the keys and values of a token in all layers.</summary>
    public int Capacity { get; private set; }

    internal int NumLayers => config.NumLayers;

    /// <summary>Bytes of one place, of which there are some.</summary>
    internal long BytesOfPlace => config.NumLayers * 2L * config.NumKeyValueHeads * config.HeadWidth * _keys[0].element_size();

    /// <summary>Keys and values of a layer, [places, K, E] each.</summary>
    internal Tensor[] Of(int layer) => [_keys[layer], _values[layer]];

    /// <summary>Takes neighbouring places for a canvas, in the first gap that holds it. Others may move.</summary>
    /// <param name="length">Tokens of the canvas, at least 1.</param>
    /// <returns>Not initialised; its places are free again when it is disposed.</returns>
    public KeyValueCache Rent(int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        var (index, start) = FirstGap(length);
        if (start + length > Capacity)
        {
            MakeRoom(length);
            (index, start) = (_caches.Count, End);
        }
        var cache = new KeyValueCache(this, start, length);
        _caches.Insert(index, cache);
        return cache;
    }

    public void Dispose()
    {
        foreach (var tensor in _keys.Concat(_values))
            tensor.Dispose();
        _caches.ForEach(cache => cache.Lose());
        _caches.Clear();
        (_keys, _values, Capacity) = ([], [], 0);
    }

    internal void Return(KeyValueCache cache)
    {
        _caches.Remove(cache);
        if (_caches.Count == 0)
            Dispose();
    }

    private int End => _caches.Count == 0 ? 0 : _caches[^1].End;

    private (int Index, int Start) FirstGap(int length)
    {
        int start = 0;
        foreach (var (index, cache) in _caches.Index())
        {
            if (cache.Start - start >= length)
                return (index, start);
            start = cache.End;
        }
        return (_caches.Count, start);
    }

    /// <summary>Moves all canvases to the front, into larger tensors where they and the new one need more than there is.</summary>
    private void MakeRoom(int length)
    {
        int needed = _caches.Sum(cache => cache.Length) + length;
        if (needed > Capacity)
            Capacity = _caches.Count == 0 ? needed : needed + (needed / 16);
        try
        {
            _keys = Array.ConvertAll(Layers(_keys), Moved);
            _values = Array.ConvertAll(Layers(_values), Moved);
        }
        catch
        {
            Dispose();      // Some layers have moved, others have not.
            throw;
        }
        int end = 0;
        foreach (var cache in _caches)
            end = cache.MoveTo(end);
    }

    private Tensor?[] Layers(Tensor[] tensors) => tensors.Length > 0 ? tensors : new Tensor?[config.NumLayers];

    private Tensor Moved(Tensor? old)
    {
        using var scope = NewDisposeScope();
        var moved = empty([Capacity, config.NumKeyValueHeads, config.HeadWidth], type, device).DetachFromDisposeScope();
        int end = 0;
        foreach (var cache in _caches)
        {
            moved.narrow(0, end, cache.Length).copy_(old!.narrow(0, cache.Start, cache.Length));
            end += cache.Length;
        }
        old?.Dispose();
        return moved;
    }
}
