namespace LLaDA.Batch.Train.BundledData.Work;

/// <summary>The random choices of one document or dialogue. The same seed and number give the same document on every platform.</summary>
internal sealed class Draw(int seed, int number)
{
    private ulong _state = unchecked(((ulong)(uint)seed << 32) + (uint)number);

    /// <summary>A number from 0 to <paramref name="count"/> - 1.</summary>
    public int Below(int count) => (int)(Next() % (ulong)count);

    public int Between(int first, int last) => first + Below(last - first + 1);

    public T Of<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    public bool Chance(int percent) => Below(100) < percent;

    /// <summary>Different items, in random order.</summary>
    public T[] Some<T>(IReadOnlyList<T> items, int count)
    {
        List<T> left = [.. items];
        var chosen = new T[count];
        for (int i = 0; i < count; i++)
        {
            int index = Below(left.Count);
            chosen[i] = left[index];
            left.RemoveAt(index);
        }
        return chosen;
    }

    /// <summary>SplitMix64.</summary>
    private ulong Next()
    {
        unchecked
        {
            _state += 0x9E3779B97F4A7C15;
            ulong mixed = (_state ^ (_state >> 30)) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
            return mixed ^ (mixed >> 31);
        }
    }
}
