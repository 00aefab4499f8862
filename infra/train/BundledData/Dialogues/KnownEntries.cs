using LLaDA.Batch.Train.BundledData.Work;

namespace LLaDA.Batch.Train.BundledData.Dialogues;

/// <summary>The common words and short verses that a small model memorises.</summary>
internal sealed class KnownEntries
{
    public KnownEntries(TrainingTables tables, int numWords, int numVerses)
    {
        var common = new CommonEntries(tables);
        Words = [.. common.Words(numWords)];
        Verses = [.. common.Openings(numVerses)];
    }

    public IReadOnlyList<Gloss> Words { get; }

    public IReadOnlyList<Opening> Verses { get; }

    /// <summary>
    /// Asks for each entry and verse in both ways. Definitions are asked for once more by themselves, since an epoch draws only one answer
    /// of each dialogue. Verses, the longest answers, are asked for twice by their place.
    /// </summary>
    /// <param name="repetition">Each asks in other forms, and has another order of the questions that follow.</param>
    public IEnumerable<Dialogue> Dialogues(int repetition)
    {
        Questions questions = new(repetition), alone = new(repetition + 1);
        foreach (var (document, verse) in Verses)
        {
            yield return new Dialogue(document, questions.Verse(verse));
            yield return new Dialogue(document, alone.Verse(verse));
            if (questions.Continuation(verse) is { } continuation)
                yield return new Dialogue(document, continuation, questions.Reference(verse));
        }
        foreach (var gloss in Words)
        {
            var draw = new Draw(unchecked((int)TrainingTables.Hash(gloss.Document)), repetition);
            Turn[] followUps =
                [.. new[] { questions.PartOfSpeech(gloss), questions.Synonym(gloss), questions.Example(gloss) }.OfType<Turn>()];
            yield return new Dialogue(gloss.Document, [questions.Definition(gloss), .. draw.Some(followUps, followUps.Length)]);
            yield return new Dialogue(gloss.Document, alone.Definition(gloss));
            yield return new Dialogue(gloss.Document, [questions.Word(gloss), .. draw.Some(followUps, followUps.Length)]);
        }
    }
}
