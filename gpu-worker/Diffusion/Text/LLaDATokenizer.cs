using System.Text;
using LLaDA.Diffusion.Text.Unicode;

namespace LLaDA.Diffusion.Text;

/// <summary>Byte-level BPE from a checkpoint's tokenizer.json, with LLaDA's special tokens.</summary>
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

    /// <summary>By id; null where an id stands for no text.</summary>
    private readonly byte[]?[] _bytes;

    /// <param name="folder">Holds tokenizer.json.</param>
    /// <exception cref="CheckpointException">The file is missing, broken, or of another kind, or lacks a special token.</exception>
    public LLaDATokenizer(string folder)
    {
        string path = Path.Combine(folder, FileName);
        var json = _json = TokenizerJson.Read(path);
        _asWritten = Splitter(json.AddedTokens.Where(token => !token.IsSpecial && !token.IsNormalized));
        _asComposed = Splitter(json.AddedTokens.Where(token => !token.IsSpecial && token.IsNormalized)
            .Select(token => json.Composes ? token with { Content = Composition.Compose(token.Content) } : token));

        NumTokens = 1 + json.Vocabulary.Values.Concat(json.AddedTokens.Select(token => token.Id)).Max();
        _bytes = new byte[]?[NumTokens];
        foreach (var (token, id) in json.Vocabulary)
            _bytes[id] = ByteLevel.ToBytes(token);
        foreach (var token in json.AddedTokens)
            _bytes[token.Id] = token.IsSpecial ? null : Encoding.UTF8.GetBytes(token.Content);

        int? Special(string content) => json.AddedTokens.FirstOrDefault(token => token.Content == content)?.Id
            ?? (json.Vocabulary.TryGetValue(content, out int id) ? id : null);
        int Required(string content) => Special(content) ?? throw new CheckpointException(path, $"lacks {content}");
        BeginningOfTextId = Required(SpecialTokens.BeginningOfText);
        EndOfTextId = Required(SpecialTokens.EndOfText);
        MaskId = Special(SpecialTokens.Mask);
        StartOfHeaderId = Special(SpecialTokens.StartOfHeader);
        EndOfHeaderId = Special(SpecialTokens.EndOfHeader);
        EndOfTurnId = Special(SpecialTokens.EndOfTurn);
    }

    /// <summary>One more than the largest id in use; a model's embedding may have further rows.</summary>
    public int NumTokens { get; }

    public int BeginningOfTextId { get; }

    public int EndOfTextId { get; }

    /// <summary>Null where the model's config.json alone names it.</summary>
    public int? MaskId { get; }

    /// <summary>Null, like the next two, where the tokenizer has no dialogues, as that of LLaDA-8B-Base.</summary>
    public int? StartOfHeaderId { get; }

    public int? EndOfHeaderId { get; }

    public int? EndOfTurnId { get; }

    /// <summary>Whether <see cref="ChatTemplate"/> can be rendered.</summary>
    public bool KnowsDialogues => StartOfHeaderId is not null && EndOfHeaderId is not null && EndOfTurnId is not null;

    /// <summary>Ids that stand for no text: special tokens and holes of the vocabulary.</summary>
    public IEnumerable<int> NonTextIds => Enumerable.Range(0, NumTokens).Where(id => _bytes[id] is null);

    /// <returns>The ids of Hugging Face's tokenizer; halves of surrogate pairs, which it refuses, are left out.</returns>
    public IReadOnlyList<int> Encode(string text)
    {
        List<int> ids = [];
        foreach (var (id, piece) in Pieces(_asWritten, WithoutHalves(text)))
        {
            if (id is { } added)
                ids.Add(added);
            else
                EncodeText(_json.Composes ? Composition.Compose(piece) : piece, ids);
        }
        return ids;
    }

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

    private void EncodeText(string text, List<int> ids)
    {
        foreach (var (id, piece) in Pieces(_asComposed, text))
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

    private static IEnumerable<(int? Id, string Text)> Pieces(AddedTokenSplitter? splitter, string text) =>
        splitter?.Split(text) ?? [(null, text)];

    private static string WithoutHalves(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
            return text;
        var characters = new StringBuilder(text.Length);
        for (int index = 0; index < text.Length; index++)
        {
            if (!Rune.TryGetRuneAt(text, index, out var rune))
                continue;
            characters.Append(text, index, rune.Utf16SequenceLength);
            index += rune.Utf16SequenceLength - 1;
        }
        return characters.ToString();
    }
}
