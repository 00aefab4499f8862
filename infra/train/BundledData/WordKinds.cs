using System.Text.RegularExpressions;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Train.BundledData;

/// <summary>
/// Questions for the part of speech of a definition: noun, verb or adjective; adverbs are too few.
/// The definition comes before the part of speech, a form that no training text has.
/// </summary>
internal static partial class WordKinds
{
    /// <summary>Longest definition in tokens: a prompt with one shot of each kind fits 128 tokens.</summary>
    private const int MaxDefinition = 26;

    private static readonly string[] s_kinds = ["noun", "verb", "adj"];

    private sealed record Definition(string Kind, int[] Tokens);

    /// <summary>Takes the first dictionary entries (<see cref="Gloss.Document"/>) of each kind, equally many of each.</summary>
    /// <param name="maxOfKind">At least 1.</param>
    /// <returns>Null where a kind has no entries.</returns>
    public static LabelledTexts? Read(LLaDATokenizer tokenizer, IEnumerable<string> documents, int maxOfKind)
    {
        var definitions = Definitions(tokenizer, documents).ToLookup(definition => definition.Kind, definition => definition.Tokens);
        int count = Math.Min(maxOfKind, s_kinds.Min(kind => definitions[kind].Count()));
        if (count == 0)
            return null;
        int[][] labels = [.. s_kinds.Select(kind => (int[])[.. tokenizer.Encode(kind)])];
        int[][][] texts = [.. s_kinds.Select(kind => definitions[kind].Take(count).ToArray())];
        return new LabelledTexts(tokenizer.BeginningOfTextId, labels, texts, [.. tokenizer.Encode(")\n")]);
    }

    private static IEnumerable<Definition> Definitions(LLaDATokenizer tokenizer, IEnumerable<string> documents)
    {
        HashSet<string> seen = [];
        foreach (string document in documents)
        {
            var entry = Entry().Match(document);
            string text = entry.Groups["definition"].Value;
            if (!entry.Success || !seen.Add(text))
                continue;
            int[] tokens = [.. tokenizer.Encode($"{text} (")];
            if (tokens.Length <= MaxDefinition)
                yield return new Definition(entry.Groups["kind"].Value, tokens);
        }
    }

    [GeneratedRegex("^[^\\n]+? \\((?<kind>noun|verb|adj)\\): (?<definition>[^\\n\"]+?)\\.(?: \"|$)",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Entry();
}
