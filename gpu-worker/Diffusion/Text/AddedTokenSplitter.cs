using System.Buffers;
using System.Globalization;
using System.Text;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// Cuts text at added tokens, as Hugging Face's added vocabulary does in one of its two passes: the leftmost match first, of those the
/// longest.
/// </summary>
internal sealed class AddedTokenSplitter
{
    /// <summary>By their first character, the longest first.</summary>
    private readonly Dictionary<char, AddedToken[]> _tokens;
    private readonly SearchValues<char> _first;

    public AddedTokenSplitter(IEnumerable<AddedToken> tokens)
    {
        _tokens = tokens.GroupBy(token => token.Content[0]).ToDictionary(
            group => group.Key, group => group.OrderByDescending(token => token.Content.Length).ToArray());
        _first = SearchValues.Create([.. _tokens.Keys]);
    }

    /// <param name="isStructure">
    /// Whether the characters from the first index up to the second may be a special token; null where none may.
    /// </param>
    /// <returns>
    /// Pieces in order: a token's id, or null with the text that lies between. White space that a token strips is in none.
    /// </returns>
    public IEnumerable<(int? Id, string Text)> Split(string text, Func<int, int, bool>? isStructure = null)
    {
        int done = 0;
        for (int index = Next(text, 0); index < text.Length;)
        {
            if (Longest(text, index, isStructure) is not { } token)
            {
                index = Next(text, index + 1);
                continue;
            }
            int end = index + token.Content.Length;
            bool isMatch = !token.IsSingleWord || !(EndsWithWord(text.AsSpan(0, index)) || StartsWithWord(text.AsSpan(end)));
            if (isMatch)
            {
                int start = token.StripsLeft ? Math.Max(done, text.AsSpan(0, index).TrimEnd().Length) : index;
                if (start > done)
                    yield return (null, text[done..start]);
                yield return (token.Id, token.Content);
                done = token.StripsRight ? text.Length - text.AsSpan(end).TrimStart().Length : end;
            }
            index = Next(text, end);
        }
        if (done < text.Length)
            yield return (null, text[done..]);
    }

    private int Next(string text, int from) =>
        from < text.Length && text.AsSpan(from).IndexOfAny(_first) is var found and >= 0 ? from + found : text.Length;

    private AddedToken? Longest(string text, int index, Func<int, int, bool>? isStructure) =>
        Array.Find(_tokens[text[index]], token =>
            string.CompareOrdinal(text, index, token.Content, 0, token.Content.Length) == 0
            && (!token.IsSpecial || (isStructure is not null && isStructure(index, index + token.Content.Length))));

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    /// <summary>The class \w of Unicode's regular expressions: letters, marks, digits, connectors, joiners, letters in circles.</summary>
    private static bool IsWord(Rune rune) =>
        Rune.IsLetterOrDigit(rune)
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
            or UnicodeCategory.EnclosingMark or UnicodeCategory.ConnectorPunctuation or UnicodeCategory.LetterNumber
        || rune.Value is 0x200C or 0x200D or (>= 0x24B6 and <= 0x24E9)
            or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);
}
