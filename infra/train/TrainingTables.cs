using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace LLaDA.Batch.Train;

/// <summary>A verse of the King James Bible.</summary>
/// <param name="Book">As the table shortens it.</param>
internal sealed record Verse(string Book, int Chapter, int Number, string Text)
{
    public string Place => $"{Books.Name(Book)} {Chapter}:{Number}";
}

/// <summary>An entry of WordNet.</summary>
/// <param name="PartOfSpeech">noun, verb, adj or adv.</param>
/// <param name="Words">At least one; they mean the same.</param>
internal sealed record Gloss(string PartOfSpeech, string[] Words, string Definition, string[] Examples)
{
    public string Document => $"{string.Join(", ", Words)} ({PartOfSpeech}): {Definition}." + string.Concat(Examples.Select(example => $" \"{example}\""));
}

/// <summary>The two tables of gpu-worker/models/data, and which of their documents are held out.</summary>
internal sealed class TrainingTables(string folder)
{
    private const int HeldOutShare = 50;

    /// <summary>Verses in order, by chapter; a chapter is one document.</summary>
    public IEnumerable<Verse[]> Chapters() => Rows("kjv.tsv.gz")
        .Select(row => new Verse(row[0], int.Parse(row[1]), int.Parse(row[2]), row[3]))
        .GroupBy(verse => (verse.Book, verse.Chapter)).Select(chapter => chapter.ToArray());

    public IEnumerable<Gloss> Glosses() => Rows("wordnet-glosses.tsv.gz").Select(row => new Gloss(
        row[0], row[1].Split(", "), row[2], row.Length > 3 ? row[3].Split(" | ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) : []));

    public static string Document(Verse[] chapter) => string.Join('\n', chapter.Select(verse => verse.Text));

    public static bool IsHeldOut(string document) => Hash(document) % HeldOutShare == 0;

    /// <summary>Decides order and held-out share by the text itself, so that they outlive any change of the program.</summary>
    public static ulong Hash(string document) => XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(document));

    private IEnumerable<string[]> Rows(string file)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(Path.Combine(folder, file)), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
            yield return line.Split('\t');
    }
}
