using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Train.Terminal;

namespace LLaDA.Batch.Train.BundledData;

/// <summary>
/// Turns the two tables of gpu-worker/models/data into dialogues: definitions, verses and follow-up questions.
/// Documents that <see cref="CorpusCommand"/> holds out are held out here too.
/// </summary>
internal static class InstructionsCommand
{
    private const int CueWords = 6;

    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private sealed record Turn(string Question, string Answer);

    /// <param name="Document">Source of the answers; decides whether the dialogue is held out.</param>
    private sealed record Dialogue(string Document, Turn[] Turns);

    public static Command Create()
    {
        var (data, output) = (TrainingTables.FolderOption(), TrainingTables.OutputOption());
        var words = new Option<int?>("--words")
        {
            Description = "Number of common words with one short entry. Requires --verses. "
                + "Both limit the dialogues to those that a small model can memorise",
        }.AtLeast(0);
        var verses = new Option<int?>("--verses")
        {
            Description = "Number of short verses that open a chapter. Requires --words",
        }.AtLeast(0);
        var unknown = new Option<int>("--unknown")
        {
            Description = "Number of questions whose answer is that the model does not know. Requires --words. "
                + "The dialogues to memorise are repeated until they are as many",
        }.AtLeast(0);
        var command = new Command("instructions", "Writes the dialogues of the bundled instruction-tuned model")
        {
            data, output, words, verses, unknown,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(words) is null != result.GetValue(verses) is null)
                result.AddError("--words and --verses must be given together");
            if (result.GetValue(words) is null && result.GetValue(unknown) > 0)
                result.AddError("--unknown requires --words");
        });
        command.SetAction(parse =>
        {
            var tables = new TrainingTables(parse.GetRequiredValue(data).FullName);
            var dialogues = parse.GetValue(words) is { } numWords
                ? Known(tables, numWords, parse.GetValue(verses)!.Value, parse.GetValue(unknown))
                : All(tables);
            Write(dialogues, parse.GetRequiredValue(output).FullName);
        });
        return command;
    }

    private static void Write(IEnumerable<Dialogue> dialogues, string output)
    {
        Directory.CreateDirectory(output);
        var lines = dialogues
            .Select(dialogue => (IsHeldOut: TrainingTables.IsHeldOut(dialogue.Document), Line: Json(dialogue.Turns)))
            .OrderBy(entry => TrainingTables.Hash(entry.Line))
            .ToLookup(entry => entry.IsHeldOut, entry => entry.Line);
        File.WriteAllLines(Path.Combine(output, "train.jsonl"), lines[false]);
        File.WriteAllLines(Path.Combine(output, "validation.jsonl"), lines[true]);
        Console.WriteLine($"{lines[false].Count()} training dialogues, {lines[true].Count()} held out");
    }

    /// <summary>
    /// One dialogue for each entry and each verse. Half of the entries are asked for by word, the others by definition.
    /// Verses are asked for by place and by first words alternately.
    /// </summary>
    private static IEnumerable<Dialogue> All(TrainingTables tables)
    {
        foreach (var chapter in tables.Chapters())
        {
            string document = TrainingTables.Document(chapter);
            foreach (var (index, verse) in chapter.Index())
            {
                var turns = index % 2 == 0 || !HasContinuation(verse) ? ByPlace(verse) : ByFirstWords(verse);
                bool isLast = index + 1 == chapter.Length;
                yield return new(document, isLast ? turns : [.. turns, new("And the next verse?", chapter[index + 1].Text)]);
            }
        }
        foreach (var gloss in tables.Glosses())
        {
            bool isByWord = TrainingTables.Hash(gloss.Document) / TrainingTables.HeldOutShare % 2 == 0;
            yield return new(gloss.Document, [.. isByWord ? ByWord(gloss) : [.. ByDefinition(gloss), KindOf(gloss)], .. Others(gloss)]);
        }
    }

    /// <summary>
    /// Asks for each chosen entry and verse in both ways. Definitions, the longest answers, occur once more in a dialogue of their own,
    /// because an epoch draws only one answer of each dialogue.
    /// </summary>
    private static IEnumerable<Dialogue> Memorisable(TrainingTables tables, int numWords, int numVerses)
    {
        var common = new CommonEntries(tables);
        foreach (var (document, verse) in common.Openings(numVerses))
        {
            yield return new(document, ByPlace(verse));
            if (HasContinuation(verse))
                yield return new(document, ByFirstWords(verse));
        }
        foreach (var gloss in common.Words(numWords))
        {
            yield return new(gloss.Document, [.. ByWord(gloss), KindOf(gloss), .. Others(gloss)]);
            yield return new(gloss.Document, ByWord(gloss));
            yield return new(gloss.Document, [.. ByDefinition(gloss), KindOf(gloss)]);
        }
    }

    /// <summary>
    /// What can be memorised, beside as many questions about the rest: 55 in 100 about other words, 10 about other verses, 35 about the
    /// world.
    /// </summary>
    private static IEnumerable<Dialogue> Known(TrainingTables tables, int numWords, int numVerses, int numUnknown)
    {
        Dialogue[] known = [.. Memorisable(tables, numWords, numVerses)];
        Dialogue[] unknown = [.. Unknown(tables, known, numUnknown)];
        int times = Math.Max(1, unknown.Length / Math.Max(1, known.Length));
        return Enumerable.Repeat(known, times).SelectMany(dialogues => dialogues).Concat(unknown);
    }

    private static IEnumerable<Dialogue> Unknown(TrainingTables tables, IEnumerable<Dialogue> known, int count)
    {
        HashSet<string> documents = [.. known.Select(dialogue => dialogue.Document)];
        HashSet<string> questions = [.. known.SelectMany(dialogue => dialogue.Turns).Select(turn => turn.Question)];
        int numVerses = count / 10, numWorld = count * 35 / 100;
        var verses = tables.Chapters()
            .SelectMany(chapter => chapter)
            .OrderBy(verse => TrainingTables.Hash(verse.Place))
            .Select(verse => verse.Number % 2 == 0 || !HasContinuation(verse) ? ByPlace(verse)[0] : ByFirstWords(verse)[0])
            .Where(turn => !questions.Contains(turn.Question))
            .Take(numVerses);
        var words = tables.Glosses()
            .Where(gloss => !documents.Contains(gloss.Document))
            .OrderBy(gloss => TrainingTables.Hash(gloss.Document))
            .Select(gloss => TrainingTables.Hash(gloss.Definition) % 4 == 0 ? ByDefinition(gloss)[0] : ByWord(gloss)[0])
            .Where(turn => !questions.Contains(turn.Question))
            .DistinctBy(turn => turn.Question)
            .Take(count - numVerses - numWorld);
        return verses.Concat(words).Select(turn => turn.Question).Concat(WorldQuestions.Some(numWorld))
            .Select(question => new Dialogue(question, [new(question, "I do not know.")]));
    }

    private static Turn[] ByWord(Gloss gloss) => [new($"What does {gloss.Words[0]} mean?", $"{gloss.Definition}.")];

    private static Turn[] ByDefinition(Gloss gloss) => [new($"Which word means this: {gloss.Definition}?", gloss.Words[0])];

    private static Turn KindOf(Gloss gloss) => new("What kind of word is that?", Kind(gloss.PartOfSpeech));

    private static IEnumerable<Turn> Others(Gloss gloss)
    {
        if (gloss.Words.Length > 1)
            yield return new("Another word for it?", gloss.Words[1]);
        if (gloss.Examples.Length > 0)
            yield return new("Use it in a sentence.", gloss.Examples[0]);
    }

    private static Turn[] ByPlace(Verse verse) => [new($"What does {verse.Place} say?", verse.Text)];

    private static Turn[] ByFirstWords(Verse verse)
    {
        string[] words = verse.Text.Split(' ');
        return
        [
            new($"Go on: {string.Join(' ', words[..CueWords])}", string.Join(' ', words[CueWords..])),
            new("Where is that written?", $"{verse.Place}."),
        ];
    }

    private static bool HasContinuation(Verse verse) => verse.Text.Split(' ').Length > 2 * CueWords;

    private static string Kind(string partOfSpeech) => partOfSpeech switch
    {
        "noun" => "A noun.",
        "verb" => "A verb.",
        "adj" => "An adjective.",
        "adv" => "An adverb.",
        _ => throw new InvalidDataException($"'{partOfSpeech}' is not a part of speech of the table"),
    };

    private static string Json(Turn[] turns)
    {
        static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
        var messages = new JsonArray();
        foreach (var turn in turns)
        {
            messages.Add(Message("user", turn.Question));
            messages.Add(Message("assistant", turn.Answer));
        }
        return new JsonObject { ["messages"] = messages }.ToJsonString(s_json);
    }
}
