using System.Text.RegularExpressions;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Train;

/// <summary>Whether a definition is a noun's, a verb's or an adjective's, asked in a form that no training text has: the definition first, then the kind. Adverbs are too few.</summary>
internal static partial class WordKinds
{
    /// <summary>Longest definition in tokens, so that a prompt with a shot of each kind fits 128.</summary>
    private const int MaxDefinition = 26;

    private static readonly string[] s_kinds = ["noun", "verb", "adj"];

    /// <summary>From the documents that are dictionary entries, as <see cref="Gloss.Document"/> writes them: the first ones of each kind, as many of each.</summary>
    /// <returns>Null where a kind has no entries.</returns>
    public static LabelledTexts? Read(LLaDATokenizer tokenizer, IEnumerable<string> documents, int maxOfKind)
    {
        var definitions = documents.Select(document => Entry().Match(document)).Where(entry => entry.Success)
            .Select(entry => (Kind: entry.Groups["kind"].Value, Text: entry.Groups["definition"].Value)).DistinctBy(entry => entry.Text)
            .Select(entry => (entry.Kind, Tokens: (int[])[.. tokenizer.Encode($"{entry.Text} (")])).Where(entry => entry.Tokens.Length <= MaxDefinition)
            .ToLookup(entry => entry.Kind, entry => entry.Tokens);
        int count = Math.Min(maxOfKind, s_kinds.Min(kind => definitions[kind].Count()));
        return count == 0 ? null : new LabelledTexts(
            tokenizer.BeginningOfTextId, [.. s_kinds.Select(kind => (int[])[.. tokenizer.Encode(kind)])], [.. s_kinds.Select(kind => definitions[kind].Take(count).ToArray())], [.. tokenizer.Encode(")\n")]);
    }

    [GeneratedRegex("^[^\\n]+? \\((?<kind>noun|verb|adj)\\): (?<definition>[^\\n\"]+?)\\.(?: \"|$)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Entry();
}
