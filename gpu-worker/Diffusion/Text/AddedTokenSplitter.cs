using System.Buffers;
using System.Globalization;
using System.Text;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// Cuts text at the added tokens that are text themselves, as Hugging Face's added vocabulary does: the leftmost match first, of those the
/// longest; the tokens that are not normalized before the normalized ones.
/// </summary>
internal sealed class AddedTokenSplitter
{
    /// <summary>By their first character, the longest first.</summary>
    private readonly Dictionary<char, AddedToken[]>[] _passes;

    public AddedTokenSplitter(IEnumerable<AddedToken> tokens) => _passes =
    [
        .. tokens.Where(token => !token.IsSpecial).GroupBy(token => token.IsNormalized).OrderBy(pass => pass.Key).Select(pass =>
            pass.GroupBy(token => token.Content[0]).ToDictionary(
                group => group.Key, group => group.OrderByDescending(token => token.Content.Length).ToArray())),
    ];

    /// <returns>
    /// Pieces in order: a token's id, or null with the text that lies between. White space that a token strips is in none.
    /// </returns>
    public IEnumerable<(int? Id, string Text)> Split(string text)
    {
        IEnumerable<(int? Id, string Text)> pieces = [(null, text)];
        foreach (var pass in _passes)
            pieces = pieces.SelectMany(piece => piece.Id is null ? Split(piece.Text, pass) : [piece]);
        return pieces;
    }

    private static IEnumerable<(int? Id, string Text)> Split(string text, Dictionary<char, AddedToken[]> tokens)
    {
        int done = 0;
        for (int index = 0; index < text.Length;)
        {
            if (Longest(text, index, tokens) is not { } token)
            {
                index++;
                continue;
            }
            int end = index + token.Content.Length;
            bool isMatch = !token.IsSingleWord || !(EndsWithWord(text.AsSpan(0, index)) || StartsWithWord(text.AsSpan(end)));
            if (isMatch && index >= done)
            {
                int start = token.StripsLeft ? Math.Max(done, text.AsSpan(0, index).TrimEnd().Length) : index;
                if (start > done)
                    yield return (null, text[done..start]);
                yield return (token.Id, token.Content);
                done = token.StripsRight ? text.Length - text.AsSpan(end).TrimStart().Length : end;
            }
            index = end;
        }
        if (done < text.Length)
            yield return (null, text[done..]);
    }

    private static AddedToken? Longest(string text, int index, Dictionary<char, AddedToken[]> tokens) =>
        tokens.TryGetValue(text[index], out var candidates)
            ? Array.Find(candidates, token => string.CompareOrdinal(text, index, token.Content, 0, token.Content.Length) == 0)
            : null;

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    /// <summary>The class \w of Unicode's regular expressions.</summary>
    private static bool IsWord(Rune rune) => Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.ConnectorPunctuation or UnicodeCategory.LetterNumber;
}
