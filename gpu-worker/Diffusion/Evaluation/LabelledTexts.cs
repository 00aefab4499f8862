namespace LLaDA.Diffusion.Evaluation;

/// <summary>Texts that each have one of a few labels, and the questions for the label that they make: without help, or behind other texts with theirs (shots). What a model gains by the shots it has learnt from its context.</summary>
/// <param name="labels">Tokens of each label.</param>
/// <param name="texts">By label: the tokens up to where it follows, different texts; as many of each label, so that a guess is right with probability 1 / labels and a model that favours a label gains nothing.</param>
/// <param name="separator">Tokens between a label and the next text.</param>
public sealed class LabelledTexts(int beginning, IReadOnlyList<int[]> labels, IReadOnlyList<int[][]> texts, int[] separator)
{
    private const uint ChoicePurpose = 53, OrderPurpose = 54;

    private readonly IReadOnlyList<int[][]> _texts = labels.Count > 1 && texts.Count == labels.Count && texts.All(group => group.Length == texts[0].Length && group.Length > 0)
        ? texts
        : throw new ArgumentException("There must be two labels at least, with as many texts of each", nameof(texts));

    /// <summary>A guess is right this often.</summary>
    public double Chance => 1.0 / labels.Count;

    /// <summary>Whether there are texts enough for so many shots of each label, and a context of so many tokens holds the longest question that they may make.</summary>
    public bool Fits(int shotsOfLabel, int maxLength)
    {
        int longest = _texts.Max(group => group.Max(text => text.Length)) + labels.Max(label => label.Length) + separator.Length;
        return shotsOfLabel < _texts[0].Length && 1 + (((shotsOfLabel * labels.Count) + 1) * longest) <= maxLength;
    }

    /// <summary>A question for every text: the same ones in the same order, however many shots.</summary>
    /// <param name="shotsOfLabel">Shots for each label, in an order drawn from the seed; never the text of the question itself. Those of fewer shots are among them.</param>
    public IReadOnlyList<ChoiceQuestion> Questions(int shotsOfLabel, ulong seed)
    {
        int count = _texts[0].Length;
        if (shotsOfLabel < 0 || shotsOfLabel >= count)
            throw new ArgumentOutOfRangeException(nameof(shotsOfLabel), shotsOfLabel, $"There are {count} texts of a label, and one of them is asked for");
        var random = new CounterRandom(seed);
        return [.. Enumerable.Range(0, count).SelectMany(index => Enumerable.Range(0, labels.Count).Select(label =>
        {
            uint question = (uint)((index * labels.Count) + label);
            int[] prompt = [beginning, .. Shots(random, question, index, label, shotsOfLabel), .. _texts[label][index]];
            return new ChoiceQuestion(prompt, labels, label);
        }))];
    }

    private IEnumerable<int> Shots(CounterRandom random, uint question, int asked, int askedLabel, int shotsOfLabel) => Enumerable.Range(0, labels.Count)
        .SelectMany(label => Enumerable.Range(0, _texts[label].Length)
            .Where(index => label != askedLabel || index != asked)
            .Select(index => (Label: label, Index: index, Key: (ulong)((index * labels.Count) + label)))
            .OrderBy(shot => random.Uniform(question, shot.Key, ChoicePurpose)).Take(shotsOfLabel))
        .OrderBy(shot => random.Uniform(question, shot.Key, OrderPurpose))
        .SelectMany(shot => _texts[shot.Label][shot.Index].Concat(labels[shot.Label]).Concat(separator));
}
