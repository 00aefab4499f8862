namespace LLaDA.Batch.Benchmarks.InContext;

/// <summary>
/// A small grammar of tasks: each row answers x with (a x + c) modulo 16, for an odd a and a c of its own. Of the 128 maps some are never
/// trained and are asked for: two pairs whose keys differ by an odd number determine a map.
/// </summary>
internal sealed class AffineMaps : ContextTask
{
    private const int Modulus = 16, NumHeldOut = 32;

    private readonly (int A, int C)[] _trained, _heldOut;

    public AffineMaps(int seed)
    {
        var maps = Enumerable.Range(0, Modulus / 2).SelectMany(half => Enumerable.Range(0, Modulus).Select(c => (A: (2 * half) + 1, C: c)))
            .ToArray();
        new Random(seed).Shuffle(maps);
        (_heldOut, _trained) = (maps[..NumHeldOut], maps[NumHeldOut..]);
    }

    public override string Name => "maps";

    public override int VocabularySize => FirstSymbol + (2 * Modulus);

    public override IReadOnlyList<int> Shots { get; } = [0, 1, 2, 4, 8, 15];

    public override Pair[] Trained(Random random)
    {
        var map = _trained[random.Next(_trained.Length)];
        return [.. Keys(random).Select(key => Of(map, key))];
    }

    /// <summary>Of a map that is never trained.</summary>
    public override (Pair[] Shown, Pair Asked) Question(int numShots, Random random)
    {
        var map = _heldOut[random.Next(_heldOut.Length)];
        Pair[] pairs = [.. Keys(random).Select(key => Of(map, key))];
        return (pairs[..numShots], pairs[numShots]);
    }

    private static int[] Keys(Random random)
    {
        int[] keys = [.. Enumerable.Range(0, Modulus)];
        random.Shuffle(keys);
        return keys;
    }

    private static Pair Of((int A, int C) map, int key) =>
        new(FirstSymbol + key, FirstSymbol + Modulus + (((map.A * key) + map.C) % Modulus));
}
