namespace LLaDA.Batch.Benchmarks.InContext;

/// <summary>
/// What a row of pairs has in common and its model must find out from the pairs themselves. A row is a beginning of text and
/// <see cref="NumPairs"/> pairs of two tokens, a question and its answer.
/// </summary>
internal abstract class ContextTask
{
    public const int BeginningOfText = 0, EndOfText = 1, Mask = 2, NumPairs = 16, RowLength = 1 + (2 * NumPairs);

    protected const int FirstSymbol = 3;

    /// <summary>As a command and a table call it.</summary>
    public abstract string Name { get; }

    public abstract int VocabularySize { get; }

    /// <summary>How many pairs a question may come with.</summary>
    public abstract IReadOnlyList<int> Shots { get; }

    /// <summary>The pairs of a row to train on.</summary>
    public abstract Pair[] Trained(Random random);

    /// <summary>Pairs to show, all different, and the one to ask for.</summary>
    public abstract (Pair[] Shown, Pair Asked) Question(int numShots, Random random);

    public static int[] Row(IEnumerable<Pair> pairs) => [BeginningOfText, .. pairs.SelectMany(pair => new[] { pair.Key, pair.Value })];
}

/// <param name="Key">The token asked about.</param>
/// <param name="Value">The token that answers.</param>
internal readonly record struct Pair(int Key, int Value);
