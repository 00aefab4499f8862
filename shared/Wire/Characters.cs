using System.Text;

namespace LLaDA.Batch.Shared.Wire;

/// <summary>Characters as people and JSON count them: an emoji is one, although C# holds it in two UTF-16 units.</summary>
public static class Characters
{
    /// <summary>The number of Unicode scalar values.</summary>
    public static int CountCharacters(this string text) => text.EnumerateRunes().Count();

    /// <summary>What messages call a character: its name where it cannot be seen, itself in quotes otherwise.</summary>
    public static string NameOf(Rune character) => character.Value switch
    {
        0x00 => "NUL (U+0000)",
        0x09 => "TAB (U+0009)",
        0x0A => "line feed (U+000A)",
        0x0D => "carriage return (U+000D)",
        0x1A => "Ctrl-Z (U+001A)",
        0xFEFF => "byte order mark (U+FEFF)",
        _ when Rune.IsControl(character) || Rune.IsWhiteSpace(character) => $"U+{character.Value:X4}",
        _ => $"'{character}'",
    };
}
