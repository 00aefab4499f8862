using System.IO.Compression;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Benchmarks.Tasks;

/// <summary>A question with its answer.</summary>
/// <param name="Prompt">From the beginning of text on.</param>
/// <param name="Answer">Without its end.</param>
internal sealed record Example(int[] Prompt, int[] Answer);

/// <summary>
/// Dictionary lookup: a few entries of WordNet, then one of their headwords again; the answer is its definition. The answer stands in the prompt, so it can be judged by exact match, and
/// prompts can be of any length.
/// </summary>
internal sealed class LookupTask
{
    private const int MaxGlossTokens = 24;

    private readonly LLaDATokenizer _tokenizer;
    private readonly (int[] Head, int[] Gloss)[] _entries;
    private readonly int[] _newLine;

    public LookupTask(LLaDATokenizer tokenizer, string dataFile)
    {
        _tokenizer = tokenizer;
        _newLine = [.. tokenizer.Encode("\n")];
        _entries = [.. Entries(dataFile).Select(entry => (tokenizer.Encode(entry.Head).ToArray(), tokenizer.Encode(entry.Gloss).ToArray())).Where(entry => entry.Item2.Length <= MaxGlossTokens)];
    }

    /// <param name="promptLength">The most tokens of the prompt; it is filled with entries up to it.</param>
    public Example Draw(Random random, int promptLength)
    {
        List<(int[] Head, int[] Gloss)> chosen = [];
        var asked = _entries[random.Next(_entries.Length)];
        int length = 1 + asked.Head.Length + EntryLength(asked);
        chosen.Add(asked);
        while (true)
        {
            var next = _entries[random.Next(_entries.Length)];
            if (length + EntryLength(next) > promptLength)
                break;
            chosen.Add(next);
            length += EntryLength(next);
        }
        var order = chosen.ToArray();
        random.Shuffle(order);
        return new Example([_tokenizer.BeginningOfTextId, .. order.SelectMany(entry => (int[])[.. entry.Head, .. entry.Gloss, .. _newLine]), .. asked.Head], asked.Gloss);
    }

    private int EntryLength((int[] Head, int[] Gloss) entry) => entry.Head.Length + entry.Gloss.Length + _newLine.Length;

    private static IEnumerable<(string Head, string Gloss)> Entries(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
        {
            string[] row = line.Split('\t');
            yield return ($"{row[1].Split(',')[0]} ({row[0]}):", $" {row[2]}.");
        }
    }
}
