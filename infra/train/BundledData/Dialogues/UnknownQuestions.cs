namespace LLaDA.Batch.Train.BundledData.Dialogues;

/// <summary>
/// Questions that a model answers with "I do not know.": 55 in 100 about other words, 10 about other verses, 35 about the world.
/// </summary>
internal static class UnknownQuestions
{
    private const int ShareOfVerses = 10, ShareOfWorld = 35;

    private static readonly Questions s_first = new();

    /// <param name="known">What the model knows: no question is about the same, whatever their forms.</param>
    public static IEnumerable<Dialogue> Some(TrainingTables tables, KnownEntries known, int count)
    {
        HashSet<string> taken = new(StringComparer.OrdinalIgnoreCase);
        taken.UnionWith(known.Dialogues(0).SelectMany(dialogue => dialogue.Turns).Select(turn => turn.Question));
        int numVerses = count * ShareOfVerses / 100, numWorld = count * ShareOfWorld / 100;
        IEnumerable<Dialogue> Others(IEnumerable<Func<Questions, Turn>> asked, int number) => asked
            .Where(ask => taken.Add(ask(s_first).Question))
            .Take(number)
            .Select(ask => Unanswered(ask(s_first).Question, ask));

        var verses = tables.Chapters().SelectMany(chapter => chapter).OrderBy(verse => TrainingTables.Hash(verse.Place)).Select(OfVerse);
        var words = tables.Glosses().OrderBy(gloss => TrainingTables.Hash(gloss.Document)).Select(OfWord);
        return Others(verses, numVerses)
            .Concat(Others(words, count - numVerses - numWorld))
            .Concat(WorldQuestions.Some(numWorld).Select(question => Unanswered(question)));
    }

    /// <param name="document">The question in its first form, which decides whether it is held out.</param>
    /// <param name="ask">Asks it in another form; null where it has none.</param>
    public static Dialogue Unanswered(string document, Func<Questions, Turn>? ask = null)
    {
        int form = (int)(TrainingTables.Hash(document) / TrainingTables.HeldOutShare % (ulong)QuestionForms.Definition.Length);
        return new Dialogue(document, new Turn(ask?.Invoke(new Questions(form)).Question ?? document, Questions.NotKnown));
    }

    private static Func<Questions, Turn> OfVerse(Verse verse) => verse.Number % 2 == 1 && s_first.Continuation(verse) is not null
        ? questions => questions.Continuation(verse)!
        : questions => questions.Verse(verse);

    private static Func<Questions, Turn> OfWord(Gloss gloss) => TrainingTables.Hash(gloss.Definition) % 4 == 0
        ? questions => questions.Word(gloss)
        : questions => questions.Definition(gloss);
}
