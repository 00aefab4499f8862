using System.CommandLine;

namespace LLaDA.Batch.Train;

/// <summary>Turns the two tables of gpu-worker/models/data into documents, one in fifty of them held out.</summary>
internal static class CorpusCommand
{
    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data") { Description = "Folder with kjv.tsv.gz and wordnet-glosses.tsv.gz", Required = true };
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder for train.jsonl and validation.jsonl", Required = true };
        var command = new Command("corpus", "Writes the training text of the bundled base model") { data, output };
        command.SetAction(parse => Write(new TrainingTables(parse.GetRequiredValue(data).FullName), parse.GetRequiredValue(output).FullName));
        return command;
    }

    private static void Write(TrainingTables tables, string output)
    {
        Directory.CreateDirectory(output);
        var documents = tables.Chapters().Select(TrainingTables.Document).Concat(tables.Glosses().Select(gloss => gloss.Document))
            .OrderBy(TrainingTables.Hash).ToLookup(TrainingTables.IsHeldOut);
        Documents.Write(Path.Combine(output, "train.jsonl"), documents[false]);
        Documents.Write(Path.Combine(output, "validation.jsonl"), documents[true]);
        Console.WriteLine($"{documents[false].Count()} documents to train on, {documents[true].Count()} held out");
    }
}
