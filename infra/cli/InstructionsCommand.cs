using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Cli;

/// <summary>Turns the two tables of gpu-worker/models/data into dialogues: definitions, verses and questions that follow up on them. What <see cref="CorpusCommand"/> holds out is held out here too.</summary>
internal static class InstructionsCommand
{
    private const int CueWords = 6;

    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private sealed record Turn(string Question, string Answer);

    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data") { Description = "Folder with kjv.tsv.gz and wordnet-glosses.tsv.gz", Required = true };
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder for train.jsonl and validation.jsonl", Required = true };
        var command = new Command("instructions", "Writes the dialogues that the bundled instruction-tuned model learns") { data, output };
        command.SetAction(parse => Write(new TrainingTables(parse.GetRequiredValue(data).FullName), parse.GetRequiredValue(output).FullName));
        return command;
    }

    private static void Write(TrainingTables tables, string output)
    {
        Directory.CreateDirectory(output);
        var dialogues = tables.Chapters().SelectMany(chapter => Dialogues(chapter).Select(dialogue => (IsHeldOut: TrainingTables.IsHeldOut(TrainingTables.Document(chapter)), Dialogue: dialogue)))
            .Concat(tables.Glosses().Select(gloss => (IsHeldOut: TrainingTables.IsHeldOut(gloss.Document), Dialogue: Dialogue(gloss))))
            .Select(entry => (entry.IsHeldOut, Line: Json(entry.Dialogue)))
            .OrderBy(entry => TrainingTables.Hash(entry.Line)).ToLookup(entry => entry.IsHeldOut, entry => entry.Line);
        File.WriteAllLines(Path.Combine(output, "train.jsonl"), dialogues[false]);
        File.WriteAllLines(Path.Combine(output, "validation.jsonl"), dialogues[true]);
        Console.WriteLine($"{dialogues[false].Count()} dialogues to train on, {dialogues[true].Count()} held out");
    }

    /// <summary>Half of the entries are asked for by their word, the others by their definition.</summary>
    private static List<Turn> Dialogue(Gloss gloss)
    {
        string word = gloss.Words[0];
        bool isDefined = TrainingTables.Hash(gloss.Document) / 50 % 2 == 0;
        List<Turn> turns = isDefined
            ? [new($"What does {word} mean?", $"{gloss.Definition}.")]
            : [new($"Which word means this: {gloss.Definition}?", word), new("What kind of word is that?", Kind(gloss.PartOfSpeech))];
        if (gloss.Words.Length > 1)
            turns.Add(new("Another word for it?", gloss.Words[1]));
        if (gloss.Examples.Length > 0)
            turns.Add(new("Use it in a sentence.", gloss.Examples[0]));
        return turns;
    }

    /// <summary>Verses are asked for by their place or by their first words, in turn.</summary>
    private static IEnumerable<List<Turn>> Dialogues(Verse[] chapter)
    {
        foreach (var (index, verse) in chapter.Index())
        {
            string place = $"{Books.Name(verse.Book)} {verse.Chapter}:{verse.Number}";
            string[] words = verse.Text.Split(' ');
            List<Turn> turns = index % 2 == 0 || words.Length <= 2 * CueWords
                ? [new($"What does {place} say?", verse.Text)]
                : [new($"Go on: {string.Join(' ', words[..CueWords])}", string.Join(' ', words[CueWords..])), new("Where is that written?", $"{place}.")];
            if (index + 1 < chapter.Length)
                turns.Add(new("And the next verse?", chapter[index + 1].Text));
            yield return turns;
        }
    }

    private static string Kind(string partOfSpeech) => partOfSpeech switch
    {
        "noun" => "A noun.",
        "verb" => "A verb.",
        "adj" => "An adjective.",
        "adv" => "An adverb.",
        _ => throw new InvalidDataException($"'{partOfSpeech}' is no part of speech of the table"),
    };

    private static string Json(List<Turn> turns)
    {
        static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
        var messages = new JsonArray([.. turns.SelectMany(turn => (JsonNode[])[Message("user", turn.Question), Message("assistant", turn.Answer)])]);
        return new JsonObject { ["messages"] = messages }.ToJsonString(s_json);
    }
}
