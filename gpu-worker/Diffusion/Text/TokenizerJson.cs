using System.Text.Json;
using System.Text.RegularExpressions;

namespace LLaDA.Diffusion.Text;

/// <summary>A Hugging Face tokenizer.json of a byte-level BPE tokenizer.</summary>
/// <param name="Vocabulary">Ids, by the spelling in the byte-level alphabet.</param>
/// <param name="Composes">Whether text is brought into normalization form C first.</param>
/// <param name="Words">Cuts text into words.</param>
/// <param name="Bpe">Merges the bytes of a word.</param>
internal sealed record TokenizerJson(
    IReadOnlyDictionary<string, int> Vocabulary, IReadOnlyList<AddedToken> AddedTokens, bool Composes, WordSplitter Words, BytePairs Bpe)
{
    private const int MaxTokens = 10_000_000;

    private static readonly TimeSpan s_matchTimeout = TimeSpan.FromSeconds(10);

    /// <exception cref="CheckpointException">Missing, not JSON, or a kind of tokenizer that this library does not compute.</exception>
    /// <param name="config">May name further added tokens, and which are special.</param>
    public static TokenizerJson Read(string path, TokenizerConfig config)
    {
        string folder = Path.GetDirectoryName(path)!;
        if (!File.Exists(path) && VocabularyFiles.AreIn(folder))
            return VocabularyFiles.Read(folder, config);
        try
        {
            using var json = JsonDocument.Parse(ReadBytes(path));
            var root = json.RootElement;
            var model = root.GetProperty("model");
            Require(path, model, "type", "BPE");
            bool composes = root.TryGetProperty("normalizer", out var normalizer) && normalizer.ValueKind != JsonValueKind.Null
                && IsNfc(path, normalizer);
            if (model.TryGetProperty("dropout", out var dropout) && dropout.ValueKind == JsonValueKind.Number && dropout.GetDouble() != 0)
                throw new CheckpointException(path, $"has dropout {dropout}, which is not supported");
            foreach (string affix in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
            {
                if (model.TryGetProperty(affix, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() != "")
                    throw new CheckpointException(path, $"has {affix} {value}, which is not supported");
            }

            var vocabulary = model.GetProperty("vocab").EnumerateObject()
                .ToDictionary(entry => entry.Name, entry => entry.Value.GetInt32());
            var listed = root.GetProperty("added_tokens").EnumerateArray().Select(AddedToken.Read);
            AddedToken[] addedTokens = WithConfig([.. listed], config);
            bool Flag(string name) => model.TryGetProperty(name, out var flag) && flag.ValueKind == JsonValueKind.True;
            string? unknown = model.TryGetProperty("unk_token", out var token) ? token.GetString() : null;
            return Create(
                path, vocabulary, model.GetProperty("merges").EnumerateArray().Select(Merge),
                new BytePairRules(Flag("ignore_merges"), Flag("byte_fallback"), unknown, Flag("fuse_unk")), addedTokens, composes,
                ReadPreTokenizer(path, root.GetProperty("pre_tokenizer")));
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

    /// <summary>Special tokens that stand in the vocabulary are no words of it.</summary>
    public static TokenizerJson Create(
        string path, Dictionary<string, int> vocabulary, IEnumerable<(string Left, string Right)> merges, BytePairRules rules,
        AddedToken[] addedTokens, bool composes, WordSplitter words)
    {
        RequireIds(path, vocabulary);
        RequireIds(path, addedTokens.ToDictionary(token => token.Content, token => token.Id));
        HashSet<int> special = [.. addedTokens.Where(added => added.IsSpecial).Select(added => added.Id)];
        var text = vocabulary.Where(entry => !special.Contains(entry.Value) || entry.Key == rules.Unknown).ToDictionary();
        return new TokenizerJson(vocabulary, addedTokens, composes, words, new BytePairs(text, merges, rules));
    }

    /// <param name="patterns">In Oniguruma's syntax.</param>
    public static WordSplitter Splitter(IEnumerable<string> patterns)
    {
        const RegexOptions options = RegexOptions.Compiled | RegexOptions.CultureInvariant;
        string[] known = [.. patterns.Select(OnigurumaPattern.ToDotNet)];
        foreach (string pattern in known)
            PatternProbe.RequireQuick(pattern);
        return new WordSplitter([.. known.Select(pattern => new Regex(pattern, options, s_matchTimeout))]);
    }

    /// <summary>The id of an added token, or of another one that stands for this text as a whole; null where there is none.</summary>
    public int? Find(string content) => AddedTokens.FirstOrDefault(token => token.Content == content)?.Id
        ?? (Vocabulary.TryGetValue(content, out int id) ? id : null);

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

    /// <summary>Tokens that the configuration gives a role are special, whatever else the files state.</summary>
    private static AddedToken[] WithConfig(AddedToken[] tokens, TokenizerConfig config)
    {
        HashSet<string> known = [.. tokens.Select(token => token.Content)];
        HashSet<string> special = [.. config.Named.Values, .. config.OtherSpecial, .. config.AddedTokens.Where(token => token.IsSpecial)
            .Select(token => token.Content)];
        return [.. tokens.Concat(config.AddedTokens.Where(token => !known.Contains(token.Content)))
            .Select(token => token with { IsSpecial = token.IsSpecial || special.Contains(token.Content) })];
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
    private static (string Left, string Right) Merge(JsonElement merge)
    {
        List<string?> parts = merge.ValueKind == JsonValueKind.Array
            ? [.. merge.EnumerateArray().Select(part => part.GetString())]
            : [.. merge.GetString()?.Split(' ') ?? []];
        return parts is [{ } left, { } right] ? (left, right) : throw new FormatException($"the merge {merge} is no pair");
    }

    private static WordSplitter ReadPreTokenizer(string path, JsonElement json)
    {
        JsonElement[] steps = json.GetProperty("type").GetString() == "Sequence"
            ? [.. json.GetProperty("pretokenizers").EnumerateArray()]
            : [json];
        string[] patterns = [.. steps.Select(step => Pattern(path, step)).OfType<string>()];
        var words = Splitter(patterns);
        if (Array.FindIndex(steps, step => step.GetProperty("type").GetString() == "ByteLevel") != steps.Length - 1)
            throw new CheckpointException(path, "has a pre-tokenizer that does not end with ByteLevel, which is not supported");
        return patterns.Length > 0 ? words : throw new CheckpointException(path, "has no rule that cuts text into words");
    }

    private static bool IsNfc(string path, JsonElement normalizer)
    {
        string? kind = normalizer.GetProperty("type").GetString();
        if (kind == "Sequence")
            return normalizer.GetProperty("normalizers").EnumerateArray().ToList().ConvertAll(step => IsNfc(path, step)).Contains(true);
        return kind == "NFC" ? true : throw new CheckpointException(path, $"has the normalizer {kind}, which is not supported");
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
