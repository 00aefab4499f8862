using System.Text.Json;

namespace LLaDA.Diffusion.Text;

/// <summary>vocab.json and merges.txt, which models of Dream's family have instead of a tokenizer.json.</summary>
internal static class VocabularyFiles
{
    private const string Vocabulary = "vocab.json", Merges = "merges.txt";

    /// <summary>The classes of Hugging Face whose words these files hold; they compose text and cut it by this pattern.</summary>
    private static readonly string[] s_classes = ["Qwen2Tokenizer", "Qwen2TokenizerFast", "DreamTokenizer"];

    private const string WordPattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public static bool AreIn(string folder) => File.Exists(Path.Combine(folder, Vocabulary)) && File.Exists(Path.Combine(folder, Merges));

    /// <exception cref="CheckpointException">They are broken, or the tokenizer is of another class.</exception>
    public static TokenizerJson Read(string folder, TokenizerConfig config)
    {
        string path = Path.Combine(folder, Vocabulary);
        if (!s_classes.Contains(config.ClassName))
        {
            throw new CheckpointException(
                path, $"belongs to a tokenizer of class {config.ClassName ?? "unknown"}; without {LLaDATokenizer.FileName}, known are " +
                string.Join(", ", s_classes));
        }
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            var vocabulary = json.RootElement.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetInt32());
            var merges = File.ReadLines(Path.Combine(folder, Merges))
                .Where((line, index) => line.Length > 0 && !(index == 0 && line.StartsWith("#version", StringComparison.Ordinal)))
                .Select(line => line.Split(' ') is [var left, var right]
                    ? (left, right)
                    : throw new FormatException($"the merge {line} is no pair"));
            return TokenizerJson.Create(
                path, vocabulary, merges, new BytePairRules(false, false, null, false), [.. config.AddedTokens], composes: true,
                TokenizerJson.Splitter([WordPattern]));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException or FormatException)
        {
            throw new CheckpointException(path, $"is no vocabulary with merges: {exception.Message}");
        }
    }
}
