namespace LLaDA.Batch.Train.BundledData.Dialogues;

/// <summary>The forms in which each question is asked; {0} is its subject.</summary>
internal static class QuestionForms
{
    public static readonly string[]
        Definition =
        [
            "What does {0} mean?", "What does the word {0} mean?", "What is the meaning of {0}?", "Define {0}.", "Explain the word {0}.",
            "Tell me what {0} means.", "What is meant by {0}?", "Give me the meaning of {0}.", "Can you explain {0}?",
            "Do you know what {0} means?", "Please tell me what {0} means.", "How do you define {0}?",
        ],
        Word = ["Which word means this: {0}?", "What is the word for this: {0}?", "Tell me a word that means this: {0}."],
        PartOfSpeech = ["What kind of word is that?", "Which part of speech is it?", "Which kind of word is it?"],
        Synonym = ["Another word for it?", "Do you know a synonym?", "What else can I say?"],
        Example = ["Use it in a sentence.", "Give me an example.", "How is it used?"],
        Verse = ["What does {0} say?", "What is written in {0}?", "Quote {0}."],
        Continuation = ["Go on: {0}", "Continue this: {0}", "How does this go on: {0}"],
        Reference = ["Where is that written?", "Where is that from?", "Which verse is that?"];

    /// <summary>In no dialogue, to measure what was not learnt: one made of parts of learnt forms, and one in other words.</summary>
    public const string NearDefinition = "Please define the word {0}.", FarDefinition = "How would you explain {0} to a child?";

    public static string Fill(string form, string subject) => form.Replace("{0}", subject, StringComparison.Ordinal);
}
