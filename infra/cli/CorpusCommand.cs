using System.CommandLine;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace LLaDA.Batch.Cli;

/// <summary>Turns the two tables of gpu-worker/models/data into documents, one in fifty of them held out.</summary>
internal static class CorpusCommand
{
    private const int HeldOutShare = 50;

    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data") { Description = "Folder with kjv.tsv.gz and wordnet-glosses.tsv.gz", Required = true };
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder for train.jsonl and validation.jsonl", Required = true };
        var command = new Command("corpus", "Writes the training text of the bundled models") { data, output };
        command.SetAction(parse => Write(parse.GetRequiredValue(data).FullName, parse.GetRequiredValue(output).FullName));
        return command;
    }

    private static void Write(string data, string output)
    {
        Directory.CreateDirectory(output);
        var documents = Chapters(Path.Combine(data, "kjv.tsv.gz")).Concat(Glosses(Path.Combine(data, "wordnet-glosses.tsv.gz")))
            .OrderBy(Hash).ToLookup(document => Hash(document) % HeldOutShare == 0);
        Documents.Write(Path.Combine(output, "train.jsonl"), documents[false]);
        Documents.Write(Path.Combine(output, "validation.jsonl"), documents[true]);
        Console.WriteLine($"{documents[false].Count()} documents to train on, {documents[true].Count()} held out");
    }

    /// <summary>A chapter of the King James Bible, a verse a line.</summary>
    private static IEnumerable<string> Chapters(string path) => Rows(path)
        .GroupBy(row => (Book: row[0], Chapter: row[1]))
        .Select(chapter => string.Join('\n', chapter.Select(row => row[3])));

    /// <summary>A dictionary entry of WordNet: the words, their part of speech, the definition and the examples.</summary>
    private static IEnumerable<string> Glosses(string path) => Rows(path).Select(row =>
    {
        string[] examples = row.Length > 3 ? row[3].Split(" | ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) : [];
        return $"{row[1]} ({row[0]}): {row[2]}." + string.Concat(examples.Select(example => $" \"{example}\""));
    });

    private static IEnumerable<string[]> Rows(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
            yield return line.Split('\t');
    }

    /// <summary>Decides order and held-out share by the text itself, so that they outlive any change of the program.</summary>
    private static ulong Hash(string document) => XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(document));
}
