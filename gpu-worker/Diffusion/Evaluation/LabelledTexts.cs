namespace LLaDA.Diffusion.Evaluation;

/// <summary>
/// Texts that each have one of a few labels, and the questions for the label that they make: without help, or behind other texts with
/// theirs
/// (shots). What a model gains by shots it has learnt from its context.
/// </summary>
public sealed class LabelledTexts
{
    private readonly int _beginning;
    private readonly IReadOnlyList<int[]> _labels;
    private readonly IReadOnlyList<int[][]> _texts;
    private readonly int[] _separator;

    /// <param name="beginning">The token that begins a prompt.</param>
    /// <param name="labels">Tokens of each label, at least two labels.</param>
    /// <param name="texts">
    /// By label: the tokens up to the label, different texts. Each label has as many, so that a guess is right with probability 1 /
    /// labels and a
    /// model that favours a label gains nothing.
    /// </param>
    /// <param name="separator">Tokens between a label and the next text.</param>
    public LabelledTexts(int beginning, IReadOnlyList<int[]> labels, IReadOnlyList<int[][]> texts, int[] separator)
    {
        bool isBalanced = texts.Count == labels.Count && texts.All(group => group.Length == texts[0].Length && group.Length > 0);
        if (labels.Count < 2 || !isBalanced)
            throw new ArgumentException("There must be two labels at least, with as many texts of each", nameof(texts));
        (_beginning, _labels, _texts, _separator) = (beginning, labels, texts, separator);
    }

    /// <summary>The probability that a guess is right.</summary>
    public double Chance => 1.0 / _labels.Count;

    /// <summary>
    /// Whether there are enough texts for that many shots of each label, and the context holds the longest question that they may make.
    /// </summary>
    /// <param name="maxLength">The context, in tokens.</param>
    public bool Fits(int shotsOfLabel, int maxLength)
    {
        int longest = _texts.Max(group => group.Max(text => text.Length)) + _labels.Max(label => label.Length) + _separator.Length;
        return shotsOfLabel < _texts[0].Length && 1 + (((shotsOfLabel * _labels.Count) + 1) * longest) <= maxLength;
    }

    /// <summary>A question for every text: the same ones in the same order, however many shots.</summary>
    /// <param name="shotsOfLabel">
    /// Shots for each label, in an order drawn from the seed; never the text of the question itself. A smaller number takes some of the
    /// same shots.
    /// </param>
    public IReadOnlyList<ChoiceQuestion> Questions(int shotsOfLabel, ulong seed)
    {
        int count = _texts[0].Length;
        if (shotsOfLabel < 0 || shotsOfLabel >= count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(shotsOfLabel), shotsOfLabel, $"There are {count} texts of a label, and one of them is the question");
        }
        var random = new CounterRandom(seed);
        List<ChoiceQuestion> questions = [];
        for (int index = 0; index < count; index++)
        {
            for (int label = 0; label < _labels.Count; label++)
            {
                int[] prompt = [_beginning, .. Shots(random, index, label, shotsOfLabel), .. _texts[label][index]];
                questions.Add(new ChoiceQuestion(prompt, _labels, label));
            }
        }
        return questions;
    }

    /// <summary>The tokens of the shots before a question.</summary>
    private List<int> Shots(CounterRandom random, int asked, int askedLabel, int shotsOfLabel)
    {
        uint question = (uint)Number(asked, askedLabel);
        List<(int Index, int Label)> shots = [];
        for (int label = 0; label < _labels.Count; label++)
        {
            shots.AddRange(Enumerable.Range(0, _texts[label].Length)
                .Where(index => label != askedLabel || index != asked)
                .OrderBy(index => random.Uniform(question, Number(index, label), RandomStream.ShotChoice))
                .Take(shotsOfLabel)
                .Select(index => (index, label)));
        }
        List<int> tokens = [];
        var ordered = shots.OrderBy(shot => random.Uniform(question, Number(shot.Index, shot.Label), RandomStream.ShotOrder));
        foreach (var (index, label) in ordered)
            tokens.AddRange([.. _texts[label][index], .. _labels[label], .. _separator]);
        return tokens;
    }

    private ulong Number(int index, int label) => (ulong)((index * _labels.Count) + label);
}
