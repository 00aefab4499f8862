using System.CommandLine;
using LLaDA.Batch.Train.BundledData.Work;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Batch.Train.Texts;

namespace LLaDA.Batch.Train.BundledData;

/// <summary>
/// Turns the two tables of gpu-worker/models/data into documents, and writes made-up letters, forms and notes. One document in fifty is
/// held out.
/// </summary>
internal static class CorpusCommand
{
    public static Command Create()
    {
        var (data, output) = (TrainingTables.FolderOption(), TrainingTables.OutputOption());
        var work = new Option<int>("--work")
        {
            Description = "Number of made-up letters, forms and notes to add. The second generation of models saw none",
        }.AtLeast(0);
        var command = new Command("corpus", "Writes the training text of the bundled base model") { data, output, work };
        command.SetAction(parse =>
        {
            var tables = new TrainingTables(parse.GetRequiredValue(data).FullName);
            Write(tables, parse.GetValue(work), parse.GetRequiredValue(output).FullName);
        });
        return command;
    }

    private static void Write(TrainingTables tables, int numWork, string output)
    {
        Directory.CreateDirectory(output);
        var documents = tables.Chapters().Select(TrainingTables.Document)
            .Concat(tables.Glosses().Select(gloss => gloss.Document))
            .Concat(WorkDocuments.Write(numWork))
            .OrderBy(TrainingTables.Hash)
            .ToLookup(TrainingTables.IsHeldOut);
        Documents.Write(Path.Combine(output, "train.jsonl"), documents[false]);
        Documents.Write(Path.Combine(output, "validation.jsonl"), documents[true]);
        Console.WriteLine($"{documents[false].Count()} training documents, {documents[true].Count()} held out");
    }
}
