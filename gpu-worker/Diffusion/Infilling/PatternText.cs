using System.Globalization;
using System.Text;

namespace LLaDA.Diffusion.Infilling;

/// <summary>Where in a gap a token stands.</summary>
internal enum PatternPlace
{
    /// <summary>Behind others.</summary>
    Inner,

    /// <summary>First, or behind a space that stands alone.</summary>
    Start,

    /// <summary>First in a gap that owns the space before it.</summary>
    OnlyWithSpace,

    /// <summary>The same with another token behind it, which may leave the space alone.</summary>
    FirstWithSpace,
}

/// <summary>
/// Whether the text of a token may stand at a place of a gap with a pattern. Whatever tokens are so permitted at their places form a text
/// of the pattern together, so they can be committed in any order and replaced.
/// </summary>
internal static class PatternText
{
    private const byte Space = (byte)' ';

    /// <param name="text">In UTF-8; bytes of a token may be parts of characters.</param>
    public static bool Permits(GapPattern pattern, PatternPlace place, ReadOnlySpan<byte> text)
    {
        if (pattern == GapPattern.Sentence)
            return !BreaksLine(text) && !EndsLineBreak(text);
        bool ownsSpace = place is PatternPlace.OnlyWithSpace or PatternPlace.FirstWithSpace;
        if (ownsSpace && !text.IsEmpty && text[0] == Space)
        {
            text = text[1..];
            if (text.IsEmpty)
                return place == PatternPlace.FirstWithSpace;
        }
        return pattern == GapPattern.Digits ? IsDigits(text) : IsLetters(text, beginsWord: place != PatternPlace.Inner);
    }

    private static bool IsDigits(ReadOnlySpan<byte> text) => !text.IsEmpty && text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0;

    private static bool IsLetters(ReadOnlySpan<byte> text, bool beginsWord)
    {
        bool isFirst = true;
        for (int consumed; !text.IsEmpty; text = text[consumed..], isFirst = false)
        {
            if (Rune.DecodeFromUtf8(text, out var rune, out consumed) != System.Buffers.OperationStatus.Done)
                return false;
            bool isMark = Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
                or UnicodeCategory.EnclosingMark;
            if (!Rune.IsLetter(rune) && (!isMark || (isFirst && beginsWord)))
                return false;
        }
        return !isFirst;
    }

    private static bool BreaksLine(ReadOnlySpan<byte> text) =>
        text.IndexOfAnyInRange((byte)'\n', (byte)'\r') >= 0
        || text.IndexOf("\u0085"u8) >= 0 || text.IndexOf("\u2028"u8) >= 0 || text.IndexOf("\u2029"u8) >= 0;

    /// <summary>Whether it begins with what would complete a line break that another token has begun.</summary>
    private static bool EndsLineBreak(ReadOnlySpan<byte> text) =>
        text.StartsWith((ReadOnlySpan<byte>)[0x85]) || text.StartsWith((ReadOnlySpan<byte>)[0xA8])
        || text.StartsWith((ReadOnlySpan<byte>)[0xA9]) || text.StartsWith((ReadOnlySpan<byte>)[0x80, 0xA8])
        || text.StartsWith((ReadOnlySpan<byte>)[0x80, 0xA9]);
}
