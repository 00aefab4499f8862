using System.Text.RegularExpressions;

namespace LLaDA.Batch.Train;

/// <summary>The part of the tables that a small model can learn by heart and people ask for: common words that mean one thing, and short verses that open a chapter.</summary>
internal sealed partial class CommonEntries(TrainingTables tables)
{
    private const int MaxDefinitionLength = 60, MaxVerseLength = 90, MinWordLength = 4;

    /// <summary>Words with a single entry and a short definition, those first that the most documents use.</summary>
    public IEnumerable<Gloss> Words(int count)
    {
        var glosses = tables.Glosses().ToList();
        var entries = glosses.SelectMany(gloss => gloss.Words).CountBy(word => word).ToDictionary();
        var uses = tables.Chapters().Select(TrainingTables.Document).Concat(glosses.Select(gloss => gloss.Definition))
            .SelectMany(text => Letters().Matches(text).Select(match => match.Value.ToLowerInvariant()).Distinct()).CountBy(word => word).ToDictionary();
        return glosses
            .Where(gloss => gloss.Words[0].Length >= MinWordLength && entries[gloss.Words[0]] == 1 && gloss.Definition.Length <= MaxDefinitionLength)
            .OrderByDescending(gloss => uses.GetValueOrDefault(gloss.Words[0])).ThenBy(gloss => gloss.Words[0], StringComparer.Ordinal)
            .Take(count);
    }

    /// <summary>Opening verses that are short, drawn from all books by the hash of their chapter.</summary>
    /// <returns>Each with its chapter's document.</returns>
    public IEnumerable<(string Document, Verse Verse)> Openings(int count) => tables.Chapters()
        .Where(chapter => chapter[0].Number == 1 && chapter[0].Text.Length <= MaxVerseLength)
        .Select(chapter => (Document: TrainingTables.Document(chapter), Verse: chapter[0]))
        .OrderBy(opening => TrainingTables.Hash(opening.Document)).Take(count);

    [GeneratedRegex("[A-Za-z]+", RegexOptions.NonBacktracking)]
    private static partial Regex Letters();
}
