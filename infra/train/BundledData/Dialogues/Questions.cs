namespace LLaDA.Batch.Train.BundledData.Dialogues;

/// <summary>Questions about entries and verses, with their answers.</summary>
/// <param name="form">Number of the form of each question; it begins again where a question has fewer.</param>
internal sealed class Questions(int form = 0)
{
    public const string NotKnown = "I do not know.";

    private const int CueWords = 6;

    public Turn Definition(Gloss gloss) => new(Ask(QuestionForms.Definition, gloss.Words[0]), $"{gloss.Definition}.");

    public Turn Word(Gloss gloss) => new(Ask(QuestionForms.Word, gloss.Definition), gloss.Words[0]);

    public Turn PartOfSpeech(Gloss gloss) => new(Ask(QuestionForms.PartOfSpeech), Name(gloss.PartOfSpeech));

    /// <summary>Null where the entry has one word.</summary>
    public Turn? Synonym(Gloss gloss) => gloss.Words.Length > 1 ? new(Ask(QuestionForms.Synonym), gloss.Words[1]) : null;

    /// <summary>Null where the entry has no example.</summary>
    public Turn? Example(Gloss gloss) => gloss.Examples.Length > 0 ? new(Ask(QuestionForms.Example), gloss.Examples[0]) : null;

    public Turn Verse(Verse verse) => new(Ask(QuestionForms.Verse, verse.Place), verse.Text);

    /// <summary>Null where the verse is too short to be continued.</summary>
    public Turn? Continuation(Verse verse)
    {
        string[] words = verse.Text.Split(' ');
        return words.Length > 2 * CueWords
            ? new(Ask(QuestionForms.Continuation, string.Join(' ', words[..CueWords])), string.Join(' ', words[CueWords..]))
            : null;
    }

    public Turn Reference(Verse verse) => new(Ask(QuestionForms.Reference), $"{verse.Place}.");

    private string Ask(string[] forms, string subject = "") => QuestionForms.Fill(forms[form % forms.Length], subject);

    private static string Name(string partOfSpeech) => partOfSpeech switch
    {
        "noun" => "A noun.",
        "verb" => "A verb.",
        "adj" => "An adjective.",
        "adv" => "An adverb.",
        _ => throw new InvalidDataException($"'{partOfSpeech}' is not a part of speech of the table"),
    };
}
