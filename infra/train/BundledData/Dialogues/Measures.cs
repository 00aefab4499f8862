namespace LLaDA.Batch.Train.BundledData.Dialogues;

/// <summary>Questions to evaluate a model by that learnt the known entries. The last answer of each dialogue counts.</summary>
internal static class Measures
{
    private static readonly Questions s_questions = new();

    /// <returns>By the name of the measure.</returns>
    public static IEnumerable<(string Name, IEnumerable<Dialogue> Dialogues)> Of(KnownEntries known, IEnumerable<Dialogue> unknown)
    {
        var words = known.Words.Where(gloss => !TrainingTables.IsHeldOut(gloss.Document));
        var verses = known.Verses.Where(verse => !TrainingTables.IsHeldOut(verse.Document));
        return OfWords(words).Concat(OfVerses(verses)).Concat(
        [
            ("unknown", unknown.Where(dialogue => dialogue.IsHeldOut)),
            ("everyday", WorldQuestions.Everyday.Select(question => UnknownQuestions.Unanswered(question))),
        ]);
    }

    private static IEnumerable<(string Name, IEnumerable<Dialogue> Dialogues)> OfWords(IEnumerable<Gloss> words)
    {
        IEnumerable<Dialogue> First(Func<Gloss, Turn> ask) => words.Select(gloss => new Dialogue(gloss.Document, ask(gloss)));
        IEnumerable<Dialogue> Following(Func<Gloss, Turn?> ask) =>
            from gloss in words
            let following = ask(gloss)
            where following is not null
            from first in new[] { s_questions.Definition(gloss), s_questions.Word(gloss) }
            select new Dialogue(gloss.Document, first, following);
        IEnumerable<Dialogue> InForm(string form) =>
            First(gloss => s_questions.Definition(gloss) with { Question = QuestionForms.Fill(form, gloss.Words[0]) });

        yield return ("definition", First(s_questions.Definition));
        yield return ("word", First(s_questions.Word));
        yield return ("part-of-speech", Following(s_questions.PartOfSpeech));
        yield return ("synonym", Following(s_questions.Synonym));
        yield return ("example", Following(s_questions.Example));
        yield return ("definition-near-form", InForm(QuestionForms.NearDefinition));
        yield return ("definition-far-form", InForm(QuestionForms.FarDefinition));
    }

    private static IEnumerable<(string Name, IEnumerable<Dialogue> Dialogues)> OfVerses(IEnumerable<Opening> verses)
    {
        var continued =
            from opening in verses
            let continuation = s_questions.Continuation(opening.Verse)
            where continuation is not null
            select (opening.Document, opening.Verse, Continuation: continuation);

        yield return ("verse", verses.Select(opening => new Dialogue(opening.Document, s_questions.Verse(opening.Verse))));
        yield return ("continuation", continued.Select(verse => new Dialogue(verse.Document, verse.Continuation)));
        yield return (
            "reference",
            continued.Select(verse => new Dialogue(verse.Document, verse.Continuation, s_questions.Reference(verse.Verse))));
    }
}
