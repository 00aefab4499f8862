namespace LLaDA.Batch.Benchmarks.Reversal;

/// <summary>Somebody with a name of two words and a description of three that nobody else has. Every word is a token.</summary>
internal sealed record Person(int[] Name, int[] Description);

/// <summary>A question and its one right answer, end of text included.</summary>
/// <param name="Prompt">From the beginning of text on.</param>
internal sealed record Question(int[] Prompt, int[] Answer);

/// <summary>
/// People drawn from a seed, and the two orders in which a sentence can tell of one: "name: F L, known as: R A N" and "known as: R A N,
/// name: F L". A question is the beginning of a sentence, up to what is asked.
/// </summary>
internal sealed class People
{
    public const int BeginningOfText = 0, EndOfText = 1, Mask = 2, RowLength = 9;

    private const int NameMarker = 3, DescriptionMarker = 4, FirstWord = 5;
    private const int NumNames = 128, NumDescriptionWords = 64;

    /// <param name="numFacts">Told in one order only.</param>
    /// <param name="numTaught">Others, told in both orders.</param>
    public People(int numFacts, int numTaught, int seed)
    {
        var random = new Random(seed);
        HashSet<(int, int)> names = [];
        HashSet<(int, int, int)> descriptions = [];
        while (names.Count < numFacts + numTaught)
            names.Add((random.Next(NumNames), random.Next(NumNames)));
        while (descriptions.Count < numFacts + numTaught)
            descriptions.Add((random.Next(NumDescriptionWords), random.Next(NumDescriptionWords), random.Next(NumDescriptionWords)));
        Person[] all = [.. names.Zip(descriptions, (name, description) => new Person(
            [FirstWord + name.Item1, FirstWord + NumNames + name.Item2],
            [.. new[] { description.Item1, description.Item2, description.Item3 }
                .Select((word, place) => FirstWord + (2 * NumNames) + (place * NumDescriptionWords) + word)]))];
        (Facts, Taught) = (all[..numFacts], all[numFacts..]);
    }

    public static int VocabularySize => FirstWord + (2 * NumNames) + (3 * NumDescriptionWords);

    public Person[] Facts { get; }

    public Person[] Taught { get; }

    /// <summary>What is trained: the facts with the name first, the others in both orders.</summary>
    public int[][] Rows =>
        [.. Facts.Select(Forward).Concat(Taught.Select(Forward)).Concat(Taught.Select(Backward))
        .Select(question => (int[])[.. question.Prompt, .. question.Answer])];

    /// <summary>Name given, description asked.</summary>
    public static Question Forward(Person person) =>
        new([BeginningOfText, NameMarker, .. person.Name, DescriptionMarker], [.. person.Description, EndOfText]);

    /// <summary>Description given, name asked.</summary>
    public static Question Backward(Person person) =>
        new([BeginningOfText, DescriptionMarker, .. person.Description, NameMarker], [.. person.Name, EndOfText]);
}
