using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace LLaDA.Diffusion.Text;

/// <summary>A Hugging Face tokenizer.json of a byte-level BPE tokenizer.</summary>
/// <param name="Vocabulary">Ids, by the spelling in the byte-level alphabet.</param>
/// <param name="Bpe">Cuts text into words and merges their bytes; has no added tokens.</param>
/// <param name="WholeWords">
/// Cuts text into words of which those in the vocabulary are tokens unchanged (ignore_merges); the others, each alone, go to
/// <paramref name="Bpe"/>. Null where all do.
/// </param>
/// <remarks>
/// The normalizer NFC is accepted but not applied: nothing here needs ICU, and text is nearly always composed already. Text that is not
/// gets other tokens than by Hugging Face.
/// </remarks>
internal sealed record TokenizerJson(
    IReadOnlyDictionary<string, int> Vocabulary, IReadOnlyList<AddedToken> AddedTokens, BpeTokenizer Bpe, IsolatingPreTokenizer? WholeWords)
{
    private const int MaxTokens = 10_000_000;

    private static readonly TimeSpan s_matchTimeout = TimeSpan.FromSeconds(10);

    /// <exception cref="CheckpointException">Missing, not JSON, or a kind of tokenizer that this library does not compute.</exception>
    public static TokenizerJson Read(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(ReadBytes(path));
            var root = json.RootElement;
            var model = root.GetProperty("model");
            Require(path, model, "type", "BPE");
            if (root.TryGetProperty("normalizer", out var normalizer) && normalizer.ValueKind != JsonValueKind.Null)
                RequireNfc(path, normalizer);
            if (model.TryGetProperty("dropout", out var dropout) && dropout.ValueKind == JsonValueKind.Number && dropout.GetDouble() != 0)
                throw new CheckpointException(path, $"has dropout {dropout}, which is not supported");
            foreach (string affix in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
            {
                if (model.TryGetProperty(affix, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() != "")
                    throw new CheckpointException(path, $"has {affix} {value}, which is not supported");
            }

            var vocabulary = model.GetProperty("vocab").EnumerateObject()
                .ToDictionary(entry => entry.Name, entry => entry.Value.GetInt32());
            AddedToken[] addedTokens = [.. root.GetProperty("added_tokens").EnumerateArray().Select(AddedToken.Read)];
            RequireIds(path, vocabulary);
            RequireIds(path, addedTokens.ToDictionary(token => token.Content, token => token.Id));
            var words = ReadPreTokenizer(path, root.GetProperty("pre_tokenizer"));
            bool ignoresMerges = model.TryGetProperty("ignore_merges", out var ignored) && ignored.ValueKind == JsonValueKind.True;
            var bpe = BpeTokenizer.Create(new BpeOptions(vocabulary)
            {
                Merges = model.GetProperty("merges").EnumerateArray().Select(Merge).ToList(),
                ByteLevel = true,
                PreTokenizer = ignoresMerges ? new IsolatingPreTokenizer([]) : words,
            });
            return new TokenizerJson(vocabulary, addedTokens, bpe, ignoresMerges ? words : null);
        }
        catch (IOException exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException(path, "is missing");
        }
        catch (Exception exception) when (
            exception is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentException or FormatException)
        {
            throw new CheckpointException(path, $"is not a byte-level BPE tokenizer: {exception.Message}");
        }
    }

    /// <summary>The id of an added token, without reading what else the file holds; null where it has none of that name.</summary>
    /// <exception cref="CheckpointException">Not JSON.</exception>
    public static int? FindAddedToken(string path, string content)
    {
        try
        {
            using var json = JsonDocument.Parse(ReadBytes(path));
            foreach (var token in json.RootElement.GetProperty("added_tokens").EnumerateArray())
            {
                if (token.GetProperty("content").GetString() == content)
                    return token.GetProperty("id").GetInt32();
            }
            return null;
        }
        catch (Exception exception) when (
            exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new CheckpointException(path, $"does not list its added tokens: {exception.Message}");
        }
    }

    private static byte[] ReadBytes(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        return ForeignFile.Describe(bytes.AsSpan(0, Math.Min(bytes.Length, ForeignFile.NumBytes))) is { } foreign
            ? throw new CheckpointException(path, foreign)
            : bytes;
    }

    private static void RequireIds(string path, Dictionary<string, int> tokens)
    {
        if (tokens.FirstOrDefault(token => token.Value is < 0 or >= MaxTokens) is { Key: { } absurd })
            throw new CheckpointException(path, $"gives {absurd} the id {tokens[absurd]}; ids must lie in [0, {MaxTokens})");
        if (tokens.GroupBy(token => token.Value).FirstOrDefault(group => group.Count() > 1) is { } shared)
        {
            string tokensOfId = string.Join(" and to ", shared.Select(token => token.Key));
            throw new CheckpointException(path, $"gives the id {shared.Key} to {tokensOfId}");
        }
    }

    /// <summary>Older files write a merge as "left right", newer ones as ["left", "right"].</summary>
    private static string Merge(JsonElement merge) =>
        merge.ValueKind == JsonValueKind.Array
            ? string.Join(' ', merge.EnumerateArray().Select(part => part.GetString()))
            : merge.GetString()!;

    private static IsolatingPreTokenizer ReadPreTokenizer(string path, JsonElement json)
    {
        const RegexOptions options = RegexOptions.Compiled | RegexOptions.CultureInvariant;
        JsonElement[] steps = json.GetProperty("type").GetString() == "Sequence"
            ? [.. json.GetProperty("pretokenizers").EnumerateArray()]
            : [json];
        Regex[] patterns = [.. steps.Select(step => Pattern(path, step)).OfType<string>()
            .Select(pattern => new Regex(PossessiveQuantifiers.ToAtomic(pattern), options, s_matchTimeout))];
        return patterns.Length > 0
            ? new IsolatingPreTokenizer(patterns)
            : throw new CheckpointException(path, "has no rule that cuts text into words");
    }

    private static void RequireNfc(string path, JsonElement normalizer)
    {
        string? kind = normalizer.GetProperty("type").GetString();
        if (kind == "Sequence")
        {
            foreach (var step in normalizer.GetProperty("normalizers").EnumerateArray())
                RequireNfc(path, step);
        }
        else if (kind != "NFC")
        {
            throw new CheckpointException(path, $"has the normalizer {kind}, which is not supported");
        }
    }

    private static string? Pattern(string path, JsonElement step)
    {
        switch (step.GetProperty("type").GetString())
        {
            case "ByteLevel":
                if (step.TryGetProperty("add_prefix_space", out var prefix) && prefix.GetBoolean())
                    throw new CheckpointException(path, "adds a space before the text, which is not supported");
                return step.TryGetProperty("use_regex", out var useRegex) && !useRegex.GetBoolean() ? null : ByteLevel.WordPattern;
            case "Split":
                Require(path, step, "behavior", "Isolated");
                if (step.TryGetProperty("invert", out var invert) && invert.GetBoolean())
                    throw new CheckpointException(path, "cuts text where a pattern does not match, which is not supported");
                return step.GetProperty("pattern").GetProperty("Regex").GetString();
            case var other:
                throw new CheckpointException(path, $"has the pre-tokenizer {other}, which is not supported");
        }
    }

    private static void Require(string path, JsonElement json, string name, string expected)
    {
        if (json.GetProperty(name).GetString() is var value && value != expected)
            throw new CheckpointException(path, $"has {name} {value}; only {expected} is supported");
    }
}
