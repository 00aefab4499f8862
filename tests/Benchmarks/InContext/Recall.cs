namespace LLaDA.Batch.Benchmarks.InContext;

/// <summary>Associative recall: each row draws values for some keys and repeats these pairs. Only the row says what a key means.</summary>
internal sealed class Recall : ContextTask
{
    private const int NumKeys = 64, NumValues = 64, NumKeysOfRow = 8;

    public override string Name => "recall";

    public override int VocabularySize => FirstSymbol + NumKeys + NumValues;

    public override IReadOnlyList<int> Shots { get; } = [0, 1, 2, 4, 8];

    public override Pair[] Trained(Random random)
    {
        Pair[] known = Known(NumKeysOfRow, random);
        return [.. Enumerable.Range(0, NumPairs).Select(_ => known[random.Next(known.Length)])];
    }

    public override (Pair[] Shown, Pair Asked) Question(int numShots, Random random)
    {
        Pair[] shown = Known(numShots, random);
        return (shown, numShots == 0 ? Known(1, random)[0] : shown[random.Next(numShots)]);
    }

    private static Pair[] Known(int count, Random random)
    {
        int[] keys = [.. Enumerable.Range(0, NumKeys)];
        random.Shuffle(keys);
        return [.. keys.Take(count).Select(key => new Pair(FirstSymbol + key, FirstSymbol + NumKeys + random.Next(NumValues)))];
    }
}
