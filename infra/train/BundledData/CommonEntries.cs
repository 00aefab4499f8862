using System.Text.RegularExpressions;

namespace LLaDA.Batch.Train.BundledData;

/// <summary>A verse that opens a chapter.</summary>
/// <param name="Document">Text of the whole chapter.</param>
internal sealed record Opening(string Document, Verse Verse);

/// <summary>Entries that a small model can memorise: common words with one short meaning, short verses that open a chapter.</summary>
internal sealed partial class CommonEntries(TrainingTables tables)
{
    private const int MaxDefinitionLength = 60, MaxVerseLength = 90, MinWordLength = 4;

    /// <summary>Words with a single entry and a short definition, the most frequently used first.</summary>
    public IEnumerable<Gloss> Words(int count)
    {
        List<Gloss> glosses = [.. tables.Glosses()];
        var numEntries = EntriesByWord(glosses);
        var uses = DocumentsByWord(glosses);
        return glosses
            .Where(gloss => IsCommon(gloss, numEntries))
            .OrderByDescending(gloss => uses.GetValueOrDefault(gloss.Words[0]))
            .ThenBy(gloss => gloss.Words[0], StringComparer.Ordinal)
            .Take(count);
    }

    /// <summary>Short opening verses of all books, in the order of their chapters' hashes.</summary>
    public IEnumerable<Opening> Openings(int count) => tables.Chapters()
        .Where(chapter => chapter[0].Number == 1 && chapter[0].Text.Length <= MaxVerseLength)
        .Select(chapter => new Opening(TrainingTables.Document(chapter), chapter[0]))
        .OrderBy(opening => TrainingTables.Hash(opening.Document))
        .Take(count);

    private static bool IsCommon(Gloss gloss, Dictionary<string, int> numEntries) =>
        gloss.Words[0].Length >= MinWordLength && numEntries[gloss.Words[0]] == 1 && gloss.Definition.Length <= MaxDefinitionLength;

    private static Dictionary<string, int> EntriesByWord(List<Gloss> glosses)
    {
        Dictionary<string, int> entries = [];
        foreach (var gloss in glosses)
        {
            foreach (string word in gloss.Words)
                entries[word] = entries.GetValueOrDefault(word) + 1;
        }
        return entries;
    }

    /// <summary>How many chapters and definitions use a word, in lower case.</summary>
    private Dictionary<string, int> DocumentsByWord(List<Gloss> glosses)
    {
        Dictionary<string, int> uses = [];
        foreach (var chapter in tables.Chapters())
            AddUses(TrainingTables.Document(chapter), uses);
        foreach (var gloss in glosses)
            AddUses(gloss.Definition, uses);
        return uses;
    }

    private static void AddUses(string text, Dictionary<string, int> uses)
    {
        HashSet<string> words = [];
        foreach (Match match in Letters().Matches(text))
            words.Add(match.Value.ToLowerInvariant());
        foreach (string word in words)
            uses[word] = uses.GetValueOrDefault(word) + 1;
    }

    [GeneratedRegex("[A-Za-z]+", RegexOptions.NonBacktracking)]
    private static partial Regex Letters();
}
