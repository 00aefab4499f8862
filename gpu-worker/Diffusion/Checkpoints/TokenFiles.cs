using System.Globalization;
using System.Text.Json.Nodes;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>
/// The files beside config.json that name special tokens: generation_config.json, tokenizer_config.json, added_tokens.json and
/// tokenizer.json. Each is read when it is asked for first, so that a folder may lack them.
/// </summary>
internal sealed class TokenFiles(string folder)
{
    public const string Generation = "generation_config.json";

    private const string Tokenizer = "tokenizer_config.json", AddedTokens = "added_tokens.json";

    /// <summary>What the mask is called where no file says which token it is.</summary>
    private static readonly string[] s_masks = [SpecialTokens.Mask, "<|mask|>", "<MASK>", "<mask>"];

    private static readonly string[] s_endsOfTurn = [SpecialTokens.EndOfTurn, "<|im_end|>", "<|role_end|>"];

    private readonly Lazy<JsonObject?> _generation = new(() => ModelJson.ReadIfThere(Path.Combine(folder, Generation)));
    private readonly Lazy<JsonObject?> _tokenizer = new(() => ModelJson.ReadIfThere(Path.Combine(folder, Tokenizer)));
    private readonly Lazy<JsonObject?> _added = new(() => ModelJson.ReadIfThere(Path.Combine(folder, AddedTokens)));

    /// <summary>The mask, by name or by what it is called; null where no file names it.</summary>
    public int? Mask => Ids("mask_token_id") is [var id, ..] ? id : Named("mask_token") ?? First(s_masks);

    /// <summary>The ends of text that the files name; none where they do not.</summary>
    public IReadOnlyList<int> Ends => Ids("eos_token_id") is { Count: > 0 } ids ? ids : Named("eos_token") is { } id ? [id] : [];

    public int? Pad => Ids("pad_token_id") is [var id, ..] ? id : Named("pad_token");

    /// <summary>The token that ends a turn of a dialogue, by what it is called.</summary>
    public int? EndOfTurn => First(s_endsOfTurn);

    /// <summary>The ids in a field of generation_config.json, which holds one or a list.</summary>
    public IReadOnlyList<int> Ids(string field) => _generation.Value?[field] switch
    {
        null => [],
        JsonArray list => [.. list.Select(value => Id(value, Generation, field))],
        var value => [Id(value, Generation, field)],
    };

    private int? First(string[] texts) => texts.Select(AddedToken).FirstOrDefault(id => id is not null);

    private int? Named(string field) => _tokenizer.Value?[field] switch
    {
        JsonValue text when text.TryGetValue(out string? content) => AddedToken(content),
        JsonObject token when token["content"] is JsonValue text && text.TryGetValue(out string? content) => AddedToken(content),
        _ => null,
    };

    /// <returns>The id of an added token, by its text; null where no file lists it.</returns>
    private int? AddedToken(string text)
    {
        foreach (var (id, token) in _tokenizer.Value?["added_tokens_decoder"] as JsonObject ?? [])
        {
            if (token is JsonObject entry && entry["content"]?.ToString() == text
                && int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                return number;
            }
        }
        if (_added.Value?[text] is { } value)
            return Id(value, AddedTokens, text);
        string tokenizer = Path.Combine(folder, LLaDATokenizer.FileName);
        return File.Exists(tokenizer) ? TokenizerJson.FindAddedToken(tokenizer, text) : null;
    }

    private int Id(JsonNode? value, string file, string field) =>
        value is JsonValue number && number.TryGetValue(out int id) && id >= 0
            ? id
            : throw new CheckpointException(
                Path.Combine(folder, file), $"has {value?.ToJsonString() ?? "null"} as {field}, which is no id");
}
