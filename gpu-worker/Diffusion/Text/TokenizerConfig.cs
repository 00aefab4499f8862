using System.Globalization;
using System.Text.Json;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// What tokenizer_config.json, special_tokens_map.json, added_tokens.json and chat_template.jinja say beside a tokenizer.json.
/// </summary>
/// <param name="ClassName">The tokenizer's class in Hugging Face's library; null where no file names it.</param>
/// <param name="Named">Texts of special tokens by their roles, such as bos_token.</param>
/// <param name="OtherSpecial">Further special tokens (additional_special_tokens).</param>
/// <param name="AddedTokens">Those of added_tokens_decoder and of added_tokens.json.</param>
/// <param name="BeginsTexts">Whether texts begin with the bos_token (add_bos_token).</param>
/// <param name="ChatTemplate">In Jinja; null where there is none.</param>
/// <param name="ChatTemplatePath">The file that holds it.</param>
internal sealed record TokenizerConfig(
    string? ClassName, IReadOnlyDictionary<string, string> Named, IReadOnlyList<string> OtherSpecial,
    IReadOnlyList<AddedToken> AddedTokens, bool BeginsTexts, string? ChatTemplate, string ChatTemplatePath)
{
    public const string FileName = "tokenizer_config.json", TemplateFileName = "chat_template.jinja";

    private const string MapFileName = "special_tokens_map.json", AddedFileName = "added_tokens.json";

    private const int MaxTemplateBytes = 1 << 20;

    private static readonly string[] s_roles =
        ["bos_token", "eos_token", "pad_token", "unk_token", "mask_token", "sep_token", "cls_token"];

    /// <param name="folder">May lack all of the files.</param>
    /// <exception cref="CheckpointException">A file is not what it should be.</exception>
    public static TokenizerConfig Read(string folder)
    {
        string path = Path.Combine(folder, FileName), mapPath = Path.Combine(folder, MapFileName);
        string templatePath = Path.Combine(folder, TemplateFileName);
        var config = ReadObject(path);
        var named = Parse(path, () => ReadNamed(config));
        foreach (var (role, token) in Parse(mapPath, () => ReadNamed(ReadObject(mapPath))))
            named.TryAdd(role, token);
        bool hasTemplateFile = File.Exists(templatePath);
        return new TokenizerConfig(
            Parse(path, () => config is { } of && of.TryGetProperty("tokenizer_class", out var name) ? name.GetString() : null),
            named,
            Parse(path, () => ReadOthers(config)),
            ReadAdded(path, config, Path.Combine(folder, AddedFileName)),
            config is { } json && json.TryGetProperty("add_bos_token", out var begins) && begins.ValueKind == JsonValueKind.True,
            hasTemplateFile ? ReadTemplateFile(templatePath) : Parse(path, () => ReadTemplate(config, path)),
            hasTemplateFile ? templatePath : path);
    }

    private static JsonElement? ReadObject(string path)
    {
        if (!File.Exists(path))
            return null;
        byte[] bytes = File.ReadAllBytes(path);
        if (ForeignFile.Describe(bytes.AsSpan(0, Math.Min(bytes.Length, ForeignFile.NumBytes))) is { } foreign)
            throw new CheckpointException(path, foreign);
        return Parse(path, () =>
        {
            using var json = JsonDocument.Parse(bytes);
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? json.RootElement.Clone()
                : throw new FormatException("it is no object");
        });
    }

    private static T Parse<T>(string path, Func<T> parse)
    {
        try
        {
            return parse();
        }
        catch (Exception exception) when (
            exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new CheckpointException(path, $"cannot be read: {exception.Message}");
        }
    }

    private static Dictionary<string, string> ReadNamed(JsonElement? config)
    {
        Dictionary<string, string> named = [];
        foreach (string role in s_roles)
        {
            if (config is { } json && json.TryGetProperty(role, out var token) && Content(token) is { Length: > 0 } content)
                named[role] = content;
        }
        return named;
    }

    private static string? Content(JsonElement token) => token.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.Object => token.GetProperty("content").GetString(),
        _ => token.GetString(),
    };

    private static string[] ReadOthers(JsonElement? config) =>
        config is { } json && json.TryGetProperty("additional_special_tokens", out var list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Select(Content).OfType<string>()]
            : [];

    /// <summary>added_tokens.json has ids alone: what it lists and no other file does is special.</summary>
    private static AddedToken[] ReadAdded(string path, JsonElement? config, string idsPath)
    {
        AddedToken[] described = Parse(path, () =>
            config is { } json && json.TryGetProperty("added_tokens_decoder", out var tokens) && tokens.ValueKind == JsonValueKind.Object
                ? [.. tokens.EnumerateObject().Select(token => AddedToken.ReadAs(Id(token.Name), token.Value))]
                : Array.Empty<AddedToken>());
        return Parse(idsPath, () => ReadObject(idsPath) is { } ids
            ? described.Concat(ids.EnumerateObject()
                .Where(token => token.Name.Length > 0 && !described.Any(known => known.Content == token.Name))
                .Select(token => new AddedToken(token.Name, token.Value.GetInt32(), true, false, false, false, false))).ToArray()
            : described);
    }

    private static int Id(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static string ReadTemplateFile(string path) => new FileInfo(path).Length <= MaxTemplateBytes
        ? File.ReadAllText(path)
        : throw new CheckpointException(path, $"has {new FileInfo(path).Length} bytes; a chat template has at most {MaxTemplateBytes}");

    /// <summary>One template, or several of which the one named "default" is meant.</summary>
    private static string? ReadTemplate(JsonElement? config, string path)
    {
        if (config is not { } json || !json.TryGetProperty("chat_template", out var template))
            return null;
        if (template.ValueKind is JsonValueKind.Null or JsonValueKind.String)
            return template.GetString();
        foreach (var entry in template.EnumerateArray())
        {
            if (entry.GetProperty("name").GetString() == "default")
                return entry.GetProperty("template").GetString();
        }
        throw new CheckpointException(path, "lists chat templates, but none named default");
    }
}
