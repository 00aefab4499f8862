using System.Text;

namespace LLaDA.Diffusion.Text;

/// <summary>Texts as .NET holds them.</summary>
internal static class Utf16
{
    /// <summary>The text without halves of surrogate pairs, which stand for no character.</summary>
    public static string WithoutHalves(string text)
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
