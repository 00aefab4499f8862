namespace LLaDA.Batch.Train.BundledData.Dialogues;

/// <summary>
/// One dialogue for each entry and each verse. Half of the entries are asked for by word, the others by definition.
/// Verses are asked for by place and by first words alternately.
/// </summary>
internal static class WholeTables
{
    private static readonly Questions s_questions = new();

    public static IEnumerable<Dialogue> Dialogues(TrainingTables tables) =>
        tables.Chapters().SelectMany(OfChapter).Concat(tables.Glosses().Select(OfGloss));

    private static IEnumerable<Dialogue> OfChapter(Verse[] chapter)
    {
        string document = TrainingTables.Document(chapter);
        foreach (var (index, verse) in chapter.Index())
        {
            List<Turn> turns = index % 2 == 1 && s_questions.Continuation(verse) is { } continuation
                ? [continuation, s_questions.Reference(verse)]
                : [s_questions.Verse(verse)];
            if (index + 1 < chapter.Length)
                turns.Add(new Turn("And the next verse?", chapter[index + 1].Text));
            yield return new Dialogue(document, turns);
        }
    }

    private static Dialogue OfGloss(Gloss gloss)
    {
        bool isByWord = TrainingTables.Hash(gloss.Document) / TrainingTables.HeldOutShare % 2 == 0;
        Turn?[] turns =
        [
            .. isByWord ? [s_questions.Definition(gloss)] : new[] { s_questions.Word(gloss), s_questions.PartOfSpeech(gloss) },
            s_questions.Synonym(gloss), s_questions.Example(gloss),
        ];
        return new Dialogue(gloss.Document, [.. turns.OfType<Turn>()]);
    }
}
