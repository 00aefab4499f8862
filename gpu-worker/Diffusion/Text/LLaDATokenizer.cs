using System.Text;
using LLaDA.Diffusion.Text.Templates;
using LLaDA.Diffusion.Text.Unicode;

namespace LLaDA.Diffusion.Text;

/// <summary>Byte-level BPE from a checkpoint's tokenizer.json, with the model's special tokens and chat template.</summary>
/// <remarks>
/// Text never turns into special tokens: <c>&lt;|eot_id|&gt;</c> in a text becomes its letters, so no text can forge the structure of a
/// dialogue. Added tokens that are not special are text: matched, spelt, and allowed in gaps. Thread-safe.
/// </remarks>
public sealed class LLaDATokenizer
{
    public const string FileName = "tokenizer.json";

    private readonly TokenizerJson _json;

    /// <summary>Added tokens of texts, looked for before they are composed and after; null where there are none.</summary>
    private readonly AddedTokenSplitter? _asWritten, _asComposed;

    /// <summary>Added tokens of what a chat template wrote: the special ones too.</summary>
    private readonly AddedTokenSplitter? _ofTemplates;

    /// <summary>By id; null where an id stands for no text.</summary>
    private readonly byte[]?[] _bytes;

    /// <param name="folder">Holds tokenizer.json, and tokenizer_config.json and chat_template.jinja where the model has them.</param>
    /// <exception cref="CheckpointException">
    /// A file is missing, broken, or of another kind, or lacks a special token, or the chat template uses what is not computed.
    /// </exception>
    public LLaDATokenizer(string folder)
    {
        string path = Path.Combine(folder, FileName);
        var config = TokenizerConfig.Read(folder);
        var json = _json = TokenizerJson.Read(path, config);
        AddedToken[] asWritten = [.. json.AddedTokens.Where(token => !token.IsSpecial && !token.IsNormalized)];
        _asWritten = Splitter(asWritten);
        _asComposed = Splitter(json.AddedTokens.Where(token => !token.IsSpecial && token.IsNormalized)
            .Select(token => json.Composes ? token with { Content = Composition.Compose(token.Content) } : token));
        _ofTemplates = Splitter(json.AddedTokens.Where(token => token.IsSpecial).Concat(asWritten));

        NumTokens = 1 + json.Vocabulary.Values.Concat(json.AddedTokens.Select(token => token.Id)).Max();
        _bytes = new byte[]?[NumTokens];
        foreach (var (token, id) in json.Vocabulary)
            _bytes[id] = ByteLevel.ToBytes(token);
        foreach (var token in json.AddedTokens)
            _bytes[token.Id] = token.IsSpecial ? null : Encoding.UTF8.GetBytes(token.Content);

        int? Named(string role) => config.Named.TryGetValue(role, out string? content) ? json.Find(content) : null;
        int? begin = Named("bos_token") ?? json.Find(SpecialTokens.BeginningOfText);
        BeginsTexts = begin is not null && (config.BeginsTexts
            || (json.Find(SpecialTokens.BeginningOfText) == begin && json.Find(SpecialTokens.StartOfRole) is null));
        EndOfTextId = json.Find(SpecialTokens.EndOfText) ?? Named("eos_token") ?? Named("pad_token")
            ?? throw new CheckpointException(
                path, $"lacks {SpecialTokens.EndOfText}, and {TokenizerConfig.FileName} names no other end of text");
        BeginningOfTextId = begin ?? EndOfTextId;
        MaskId = json.Find(SpecialTokens.Mask) ?? Named("mask_token");
        StartOfHeaderId = json.Find(SpecialTokens.StartOfHeader);
        EndOfHeaderId = json.Find(SpecialTokens.EndOfHeader);
        Template = config.ChatTemplate is null ? null : new DialogueTemplate(config);
        EndOfTurnId = json.Find(SpecialTokens.EndOfTurn);
        if (Template is not null && WritesLLaDAsFormat())
            Template = null;
        WhyNoDialogues = FindWhyNoDialogues();
        EndOfTurnId ??= WhyNoDialogues is null ? FindEndOfTurn() : null;
    }

    /// <summary>One more than the largest id in use; a model's embedding may have further rows.</summary>
    public int NumTokens { get; }

    /// <summary>
    /// Whether texts begin with <see cref="BeginningOfTextId"/>: LLaDA's do, those of Ling's and Qwen's vocabularies do not.
    /// </summary>
    public bool BeginsTexts { get; }

    /// <summary>The end of text where the tokenizer has no token for the beginning.</summary>
    public int BeginningOfTextId { get; }

    /// <summary>What stands before the first token of a text: one token or none.</summary>
    public IReadOnlyList<int> BeginningOfText => BeginsTexts ? [BeginningOfTextId] : [];

    public int EndOfTextId { get; }

    /// <summary>Null where the model's config.json alone names it.</summary>
    public int? MaskId { get; }

    /// <summary>Null, like the next one, where dialogues have no headers of LLaDA.</summary>
    public int? StartOfHeaderId { get; }

    public int? EndOfHeaderId { get; }

    /// <summary>The token that ends a turn of a dialogue; null where the tokenizer has no dialogues, as that of LLaDA-8B-Base.</summary>
    public int? EndOfTurnId { get; }

    /// <summary>Whether <see cref="ChatTemplate"/> can be rendered.</summary>
    public bool KnowsDialogues => WhyNoDialogues is null;

    /// <summary>A sentence; null where there are dialogues.</summary>
    internal string? WhyNoDialogues { get; }

    /// <summary>The model's own; null where it has none.</summary>
    internal DialogueTemplate? Template { get; }

    /// <summary>Ids that stand for no text: special tokens and holes of the vocabulary.</summary>
    public IEnumerable<int> NonTextIds => Enumerable.Range(0, NumTokens).Where(id => _bytes[id] is null);

    /// <summary>How the model's files write a special token; null for every other id.</summary>
    public string? NameOfSpecial(int id) => _json.AddedTokens.FirstOrDefault(token => token.Id == id && token.IsSpecial)?.Content;

    /// <returns>The ids of Hugging Face's tokenizer; halves of surrogate pairs, which it refuses, are left out.</returns>
    public IReadOnlyList<int> Encode(string text) => Encode(_asWritten, Utf16.WithoutHalves(text), isStructure: null);

    /// <summary>What a chat template rendered: special tokens come from what the template wrote, and from no message.</summary>
    internal List<int> Encode(MarkedText text) => Encode(_ofTemplates, text.Text, text.IsStructure);

    /// <summary>The bytes that the tokens stand for, special tokens left out. Only together do they have to be UTF-8.</summary>
    public byte[] DecodeBytes(IEnumerable<int> ids)
    {
        using var bytes = new MemoryStream();
        foreach (int id in ids)
            bytes.Write(id >= 0 && id < NumTokens ? _bytes[id] : null);
        return bytes.ToArray();
    }

    /// <summary>The text that the tokens stand for, special tokens left out; bytes that form no character are dropped.</summary>
    public string Decode(IEnumerable<int> ids) => Utf8Repair.Decode(DecodeBytes(ids));

    private List<int> Encode(AddedTokenSplitter? splitter, string text, Func<int, int, bool>? isStructure)
    {
        List<int> ids = [];
        foreach (var (id, piece) in splitter?.Split(text, isStructure) ?? [(null, text)])
        {
            if (id is { } added)
                ids.Add(added);
            else
                EncodeText(_json.Composes ? Composition.Compose(piece) : piece, ids);
        }
        return ids;
    }

    private void EncodeText(string text, List<int> ids)
    {
        foreach (var (id, piece) in _asComposed?.Split(text) ?? [(null, text)])
        {
            if (id is { } added)
            {
                ids.Add(added);
                continue;
            }
            foreach (var word in _json.Words.Split(piece))
                _json.Bpe.Encode(piece.AsSpan(word), ids);
        }
    }

    private static AddedTokenSplitter? Splitter(IEnumerable<AddedToken> tokens) => tokens.Any() ? new AddedTokenSplitter(tokens) : null;

    /// <summary>LLaDA-8B-Base ships a template whose tokens its tokenizer lacks.</summary>
    private string? FindWhyNoDialogues()
    {
        const string isBase = "The model's tokenizer has no tokens for dialogues: it is a base model";
        if (Template is null)
            return HasLLaDAsTokens ? null : isBase;
        return Template.Names.FirstOrDefault(name => _json.Find(name) is null) is { } missing
            ? $"{isBase}; its chat template writes {missing}"
            : null;
    }

    private bool HasLLaDAsTokens => BeginsTexts && StartOfHeaderId is not null && EndOfHeaderId is not null && EndOfTurnId is not null;

    /// <summary>
    /// Whether the template is that of LLaDA, which begins an answer even where none is to follow: <see cref="ChatTemplate"/> does not.
    /// </summary>
    private bool WritesLLaDAsFormat()
    {
        ChatMessage[] dialogue = [new("system", " a"), new("user", "b c"), new("assistant", "d\n"), new("user", "e")];
        try
        {
            return HasLLaDAsTokens && Enumerable.Range(1, dialogue.Length).All(count =>
                Encode(Template!.Render(dialogue[..count], addGenerationPrompt: true))
                    .SequenceEqual(ChatTemplate.EncodeOwn(this, dialogue[..count], addGenerationPrompt: true)));
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private int? FindEndOfTurn()
    {
        var special = _json.AddedTokens.Where(token => token.IsSpecial).Select(token => token.Id).ToHashSet();
        return Template?.BehindAnswer() is { } behind ? Encode(behind).Where(special.Contains).Cast<int?>().FirstOrDefault() : null;
    }
}
