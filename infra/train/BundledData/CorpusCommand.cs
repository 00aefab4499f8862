using System.CommandLine;
using LLaDA.Batch.Train.Texts;

namespace LLaDA.Batch.Train.BundledData;

/// <summary>Turns the two tables of gpu-worker/models/data into documents. One document in fifty is held out.</summary>
internal static class CorpusCommand
{
    public static Command Create()
    {
        var (data, output) = (TrainingTables.FolderOption(), TrainingTables.OutputOption());
        var command = new Command("corpus", "Writes the training text of the bundled base model") { data, output };
        command.SetAction(parse =>
        {
            var tables = new TrainingTables(parse.GetRequiredValue(data).FullName);
            Write(tables, parse.GetRequiredValue(output).FullName);
        });
        return command;
    }

    private static void Write(TrainingTables tables, string output)
    {
        Directory.CreateDirectory(output);
        var documents = tables.Chapters().Select(TrainingTables.Document)
            .Concat(tables.Glosses().Select(gloss => gloss.Document))
            .OrderBy(TrainingTables.Hash)
            .ToLookup(TrainingTables.IsHeldOut);
        Documents.Write(Path.Combine(output, "train.jsonl"), documents[false]);
        Documents.Write(Path.Combine(output, "validation.jsonl"), documents[true]);
        Console.WriteLine($"{documents[false].Count()} training documents, {documents[true].Count()} held out");
    }
}
