using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Train;

/// <summary>Turns the two tables of gpu-worker/models/data into dialogues: definitions, verses and questions that follow up on them. What <see cref="CorpusCommand"/> holds out is held out here too.</summary>
internal static class InstructionsCommand
{
    private const int CueWords = 6;

    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private sealed record Turn(string Question, string Answer);

    /// <param name="Document">Where its answers come from; decides whether it is held out.</param>
    private sealed record Dialogue(string Document, Turn[] Turns);

    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data") { Description = "Folder with kjv.tsv.gz and wordnet-glosses.tsv.gz", Required = true };
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder for train.jsonl and validation.jsonl", Required = true };
        var words = new Option<int?>("--words") { Description = "With --verses: only what a small model can learn by heart, so many common words with one short entry" };
        var verses = new Option<int?>("--verses") { Description = "With --words: so many short verses that open a chapter" };
        var command = new Command("instructions", "Writes the dialogues that the bundled instruction-tuned model learns") { data, output, words, verses };
        command.Validators.Add(result =>
        {
            if (result.GetValue(words) is null != result.GetValue(verses) is null)
                result.AddError("--words and --verses go together");
        });
        command.SetAction(parse =>
        {
            var tables = new TrainingTables(parse.GetRequiredValue(data).FullName);
            var dialogues = parse.GetValue(words) is { } numWords ? ByHeart(tables, numWords, parse.GetValue(verses)!.Value) : All(tables);
            Write(dialogues, parse.GetRequiredValue(output).FullName);
        });
        return command;
    }

    private static void Write(IEnumerable<Dialogue> dialogues, string output)
    {
        Directory.CreateDirectory(output);
        var lines = dialogues.Select(dialogue => (IsHeldOut: TrainingTables.IsHeldOut(dialogue.Document), Line: Json(dialogue.Turns)))
            .OrderBy(entry => TrainingTables.Hash(entry.Line)).ToLookup(entry => entry.IsHeldOut, entry => entry.Line);
        File.WriteAllLines(Path.Combine(output, "train.jsonl"), lines[false]);
        File.WriteAllLines(Path.Combine(output, "validation.jsonl"), lines[true]);
        Console.WriteLine($"{lines[false].Count()} dialogues to train on, {lines[true].Count()} held out");
    }

    /// <summary>One dialogue of each entry and each verse. Half of the entries are asked for by their word, the others by their definition; verses by their place or by their first words, in turn.</summary>
    private static IEnumerable<Dialogue> All(TrainingTables tables)
    {
        foreach (var chapter in tables.Chapters())
        {
            string document = TrainingTables.Document(chapter);
            foreach (var (index, verse) in chapter.Index())
            {
                var turns = index % 2 == 0 || !HasContinuation(verse) ? ByPlace(verse) : ByFirstWords(verse);
                yield return new(document, index + 1 < chapter.Length ? [.. turns, new("And the next verse?", chapter[index + 1].Text)] : turns);
            }
        }
        foreach (var gloss in tables.Glosses())
            yield return new(gloss.Document, [.. TrainingTables.Hash(gloss.Document) / 50 % 2 == 0 ? ByWord(gloss) : [.. ByDefinition(gloss), KindOf(gloss)], .. Others(gloss)]);
    }

    /// <summary>Each chosen entry and verse is asked for in both ways. Definitions, the longest answers, come once more on their own: of a dialogue with several answers an epoch draws one.</summary>
    private static IEnumerable<Dialogue> ByHeart(TrainingTables tables, int numWords, int numVerses)
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
        return [new($"Go on: {string.Join(' ', words[..CueWords])}", string.Join(' ', words[CueWords..])), new("Where is that written?", $"{verse.Place}.")];
    }

    private static bool HasContinuation(Verse verse) => verse.Text.Split(' ').Length > 2 * CueWords;

    private static string Kind(string partOfSpeech) => partOfSpeech switch
    {
        "noun" => "A noun.",
        "verb" => "A verb.",
        "adj" => "An adjective.",
        "adv" => "An adverb.",
        _ => throw new InvalidDataException($"'{partOfSpeech}' is no part of speech of the table"),
    };

    private static string Json(Turn[] turns)
    {
        static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
        var messages = new JsonArray([.. turns.SelectMany(turn => (JsonNode[])[Message("user", turn.Question), Message("assistant", turn.Answer)])]);
        return new JsonObject { ["messages"] = messages }.ToJsonString(s_json);
    }
}
