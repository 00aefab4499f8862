using System.CommandLine;
using LLaDA.Batch.Train.BundledData.Dialogues;
using LLaDA.Batch.Train.Terminal;

namespace LLaDA.Batch.Train.BundledData;

/// <summary>
/// Turns the two tables of gpu-worker/models/data into dialogues: definitions, verses and follow-up questions.
/// Documents that <see cref="CorpusCommand"/> holds out are held out here too.
/// </summary>
internal static class InstructionsCommand
{
    public static Command Create()
    {
        var (data, output) = (TrainingTables.FolderOption(), TrainingTables.OutputOption());
        var words = new Option<int?>("--words")
        {
            Description = "Number of common words with one short entry. Requires --verses. "
                + "Both limit the dialogues to those that a small model can memorise. The folder measures gets questions to evaluate it by",
        }.AtLeast(0);
        var verses = new Option<int?>("--verses")
        {
            Description = "Number of short verses that open a chapter. Requires --words",
        }.AtLeast(0);
        var unknown = new Option<int>("--unknown")
        {
            Description = "Number of questions whose answer is that the model does not know. Requires --words. "
                + "The dialogues to memorise are repeated in other words until they are as many",
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
            string folder = parse.GetRequiredValue(output).FullName;
            if (parse.GetValue(words) is { } numWords)
                WriteMemorisable(tables, numWords, parse.GetValue(verses)!.Value, parse.GetValue(unknown), folder);
            else
                Write(WholeTables.Dialogues(tables), folder);
        });
        return command;
    }

    /// <summary>What can be memorised, beside as many questions about the rest, and the measures of both.</summary>
    private static void WriteMemorisable(TrainingTables tables, int numWords, int numVerses, int numUnknown, string folder)
    {
        var known = new KnownEntries(tables, numWords, numVerses);
        Dialogue[] unknown = [.. UnknownQuestions.Some(tables, known, numUnknown)];
        int times = Math.Max(1, unknown.Length / Math.Max(1, known.Dialogues(0).Count()));
        Write(Enumerable.Range(0, times).SelectMany(known.Dialogues).Concat(unknown), folder);

        string measures = Directory.CreateDirectory(Path.Combine(folder, "measures")).FullName;
        foreach (var (name, dialogues) in Measures.Of(known, unknown))
            File.WriteAllLines(Path.Combine(measures, $"{name}.jsonl"), dialogues.Select(dialogue => dialogue.ToJson()));
    }

    private static void Write(IEnumerable<Dialogue> dialogues, string folder)
    {
        Directory.CreateDirectory(folder);
        var lines = dialogues
            .Select(dialogue => (dialogue.IsHeldOut, Line: dialogue.ToJson()))
            .OrderBy(entry => TrainingTables.Hash(entry.Line))
            .ToLookup(entry => entry.IsHeldOut, entry => entry.Line);
        File.WriteAllLines(Path.Combine(folder, "train.jsonl"), lines[false]);
        File.WriteAllLines(Path.Combine(folder, "validation.jsonl"), lines[true]);
        Console.WriteLine($"{lines[false].Count()} training dialogues, {lines[true].Count()} held out");
    }
}
