using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Memory for the keys and values of many canvases side by side, so that a pass stores those of all of them by one operation a layer and
/// attends to them where they lie.
/// </summary>
/// <remarks>
/// It grows to what the canvases need, a layer at a time, and is freed with the last of them. Used on the thread of the model.
/// </remarks>
/// <param name="type">The model's compute type.</param>
public sealed class KeyValueArena(LLaDAConfig config, ScalarType type, Device device) : IDisposable
{
    // By place.
    private readonly List<KeyValueCache> _caches = [];
    private readonly Tensor?[] _keys = new Tensor?[config.NumLayers];
    private readonly Tensor?[] _values = new Tensor?[config.NumLayers];

    /// <summary>Places, of which each holds the keys and values of a token in all layers.</summary>
    public int Capacity { get; private set; }

    internal int NumLayers => config.NumLayers;

    /// <summary>Bytes of one place. There is a canvas.</summary>
    internal long BytesOfPlace => 2L * config.NumLayers * config.NumKeyValueHeads * config.HeadWidth * Of(0)[0].element_size();

    /// <summary>Keys and values of a layer, [places, K, E] each. There is a canvas.</summary>
    internal Tensor[] Of(int layer) => [_keys[layer]!, _values[layer]!];

    /// <summary>Takes neighbouring places for a canvas, in the first gap that holds it. Others may move.</summary>
    /// <param name="length">Tokens of the canvas, at least 1.</param>
    /// <returns>Not initialised; its places are free again when it is disposed.</returns>
    public KeyValueCache Rent(int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        var (index, start) = FirstGap(length);
        if (start + length > Capacity)
        {
            Reserve(length);
            (index, start) = (_caches.Count, End);
        }
        var cache = new KeyValueCache(this, start, length);
        _caches.Insert(index, cache);
        return cache;
    }

    /// <summary>Makes room for new canvases behind the others, at once instead of one by one.</summary>
    /// <param name="numPlaces">Of all of them, 0 or more.</param>
    public void Reserve(int numPlaces)
    {
        if (End + numPlaces <= Capacity)
            return;
        Compact();
        if (End + numPlaces > Capacity)
            Resize(End + numPlaces);
    }

    /// <summary>Gives memory back where a quarter stays free beside new canvases.</summary>
    /// <param name="numPlaces">Of all of them, 0 or more.</param>
    public void Trim(int numPlaces)
    {
        int needed = _caches.Sum(cache => cache.Length) + numPlaces;
        if (_caches.Count == 0 || needed > Capacity - (Capacity / 4))
            return;
        Compact();
        Resize(needed);
    }

    public void Dispose()
    {
        foreach (var tensor in _keys.Concat(_values))
            tensor?.Dispose();
        Array.Clear(_keys);
        Array.Clear(_values);
        _caches.ForEach(cache => cache.Lose());
        _caches.Clear();
        Capacity = 0;
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

    /// <summary>Moves the canvases to the front, neighbours together.</summary>
    private void Compact()
    {
        int end = 0;
        for (int first = 0, next; first < _caches.Count; first = next)
        {
            next = first + 1;
            while (next < _caches.Count && _caches[next].Start == _caches[next - 1].End)
                next++;
            int start = _caches[first].Start, length = _caches[next - 1].End - start;
            if (start > end)
                Move(start, end, length);
            foreach (var cache in _caches[first..next])
                end = cache.MoveTo(end);
        }
    }

    private void Move(int from, int to, int length)
    {
        try
        {
            foreach (var all in _keys.Concat(_values))
            {
                using var scope = NewDisposeScope();
                all!.narrow(0, to, length).copy_(all.narrow(0, from, length).clone());
            }
        }
        catch
        {
            Dispose();      // Some layers have moved, others have not.
            throw;
        }
    }

    /// <summary>Where the memory is not enough, the canvases stay where they are.</summary>
    private void Resize(int capacity)
    {
        int end = End;
        Capacity = Math.Min(Capacity, capacity);
        foreach (var layers in new[] { _keys, _values })
        {
            for (int layer = 0; layer < layers.Length; layer++)
                layers[layer] = Resized(layers[layer], capacity, end);
        }
        Capacity = capacity;
    }

    private Tensor Resized(Tensor? old, int capacity, int end)
    {
        using var scope = NewDisposeScope();
        var resized = empty([capacity, config.NumKeyValueHeads, config.HeadWidth], type, device);
        if (end > 0)
            resized.narrow(0, 0, end).copy_(old!.narrow(0, 0, end));
        old?.Dispose();
        return resized.DetachFromDisposeScope();
    }
}
