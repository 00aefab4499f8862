using System.CommandLine;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace LLaDA.Batch.Train.BundledData;

/// <summary>A verse of the King James Bible.</summary>
/// <param name="Book">Abbreviation of the table.</param>
internal sealed record Verse(string Book, int Chapter, int Number, string Text)
{
    public string Place => $"{Books.Name(Book)} {Chapter}:{Number}";
}

/// <summary>An entry of WordNet.</summary>
/// <param name="PartOfSpeech">noun, verb, adj or adv.</param>
/// <param name="Words">At least one; synonyms.</param>
internal sealed record Gloss(string PartOfSpeech, string[] Words, string Definition, string[] Examples)
{
    public string Document =>
        $"{string.Join(", ", Words)} ({PartOfSpeech}): {Definition}." + string.Concat(Examples.Select(example => $" \"{example}\""));
}

/// <summary>The two tables of gpu-worker/models/data and their split into training and held-out documents.</summary>
internal sealed class TrainingTables(string folder)
{
    /// <summary>One document in this many is held out.</summary>
    public const int HeldOutShare = 50;

    public static Option<DirectoryInfo> FolderOption() =>
        new("--data") { Description = "Folder with kjv.tsv.gz and wordnet-glosses.tsv.gz", Required = true };

    public static Option<DirectoryInfo> OutputOption() =>
        new("--out") { Description = "Folder for train.jsonl and validation.jsonl", Required = true };

    /// <summary>Verses in order, by chapter; a chapter is one document.</summary>
    public IEnumerable<Verse[]> Chapters() => Rows("kjv.tsv.gz")
        .Select(row => new Verse(row[0], int.Parse(row[1]), int.Parse(row[2]), row[3]))
        .GroupBy(verse => (verse.Book, verse.Chapter))
        .Select(chapter => chapter.ToArray());

    public IEnumerable<Gloss> Glosses()
    {
        foreach (string[] row in Rows("wordnet-glosses.tsv.gz"))
        {
            const StringSplitOptions options = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;
            yield return new Gloss(row[0], row[1].Split(", "), row[2], row.Length > 3 ? row[3].Split(" | ", options) : []);
        }
    }

    public static string Document(Verse[] chapter) => string.Join('\n', chapter.Select(verse => verse.Text));

    public static bool IsHeldOut(string document) => Hash(document) % HeldOutShare == 0;

    /// <summary>Order and split follow from the text alone, so that they survive any change of the program.</summary>
    public static ulong Hash(string document) => XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(document));

    private IEnumerable<string[]> Rows(string file)
    {
        using var compressed = File.OpenRead(Path.Combine(folder, file));
        using var reader = new StreamReader(new GZipStream(compressed, CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
            yield return line.Split('\t');
    }
}
