using System.Text.Json.Nodes;

namespace LLaDA.Diffusion.Tests.Text;

/// <summary>
/// Files of tokenizer.json in the shapes that the model families have, over the vocabulary of <see cref="TinyTokenizer"/>.
/// </summary>
internal static class TokenizerShapes
{
    /// <summary>The patterns by which the families cut words, as their files write them.</summary>
    public static IReadOnlyDictionary<string, string[]> Patterns { get; } = new Dictionary<string, string[]>
    {
        ["GPT-2"] = [],
        ["digits first"] = [@"\p{N}", @"[\r\n]"],
        ["Qwen2"] =
        [
            @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        ["Llama 3"] =
        [
            @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        ["Ling"] =
        [
            @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
        ],
        ["marks and cases"] =
        [
            @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|\p{P}+|\p{S}|\s+$|^\d", @"\p{Z}+",
        ],
        ["cases of letters"] = [@"(?i:k[a-e]+s)|(?i:[^k-s])X|\S\D"],
    };

    /// <summary>A file of tokenizer.json without special tokens, which Hugging Face would find in text.</summary>
    /// <param name="patterns">Those of Split; none for the pattern of ByteLevel.</param>
    public static JsonObject File(IReadOnlyList<string> patterns, int numMerges = TinyTokenizer.NumMerges)
    {
        using var folder = new TemporaryFolder();
        TinyTokenizer.Save(folder, numMerges);
        var json = JsonNode.Parse(System.IO.File.ReadAllText(folder.File("tokenizer.json")))!.AsObject();
        var byteLevel = json["pre_tokenizer"]!;
        if (patterns.Count > 0)
        {
            byteLevel["use_regex"] = false;
            json["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray([.. patterns.Select(Split), byteLevel.DeepClone()]),
            };
        }
        return json;
    }

    private static JsonNode Split(string pattern) => new JsonObject
    {
        ["type"] = "Split",
        ["pattern"] = new JsonObject { ["Regex"] = pattern },
        ["behavior"] = "Isolated",
        ["invert"] = false,
    };
}
