using System.Globalization;
using System.Text;

namespace LLaDA.Diffusion.Text.Unicode;

/// <summary>
/// A text for .NET's regular expressions, which see a character beyond the basic plane as two surrogates: each stands there as one
/// character of the basic plane of its category. A pattern that names ASCII characters and categories alone matches both texts alike.
/// </summary>
internal sealed class AstralText
{
    private readonly int[]? _offsets;

    /// <param name="text">Without halves of surrogate pairs.</param>
    public AstralText(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            StandIn = text;
            return;
        }
        var standIn = new StringBuilder(text.Length);
        List<int> offsets = new(text.Length + 1);
        int offset = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            standIn.Append(rune.IsBmp ? (char)rune.Value : OfCategory(Rune.GetUnicodeCategory(rune)));
            offsets.Add(offset);
            offset += rune.Utf16SequenceLength;
        }
        offsets.Add(offset);
        (StandIn, _offsets) = (standIn.ToString(), [.. offsets]);
    }

    /// <summary>The text itself where all of it lies in the basic plane.</summary>
    public string StandIn { get; }

    /// <summary>Where in the text an offset of <see cref="StandIn"/> lies.</summary>
    public int Offset(int standInOffset) => _offsets is null ? standInOffset : _offsets[standInOffset];

    private static char OfCategory(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\u0100',
        UnicodeCategory.LowercaseLetter => '\u0101',
        UnicodeCategory.TitlecaseLetter => '\u01C5',
        UnicodeCategory.ModifierLetter => '\u02B0',
        UnicodeCategory.OtherLetter => '\u05D0',
        UnicodeCategory.NonSpacingMark => '\u0300',
        UnicodeCategory.SpacingCombiningMark => '\u0903',
        UnicodeCategory.EnclosingMark => '\u0488',
        UnicodeCategory.DecimalDigitNumber => '\u0660',
        UnicodeCategory.LetterNumber => '\u16EE',
        UnicodeCategory.OtherNumber => '\u00B2',
        UnicodeCategory.ConnectorPunctuation => '\u203F',
        UnicodeCategory.DashPunctuation => '\u2010',
        UnicodeCategory.OpenPunctuation => '\u2045',
        UnicodeCategory.ClosePunctuation => '\u2046',
        UnicodeCategory.InitialQuotePunctuation => '\u00AB',
        UnicodeCategory.FinalQuotePunctuation => '\u00BB',
        UnicodeCategory.OtherPunctuation => '\u00A1',
        UnicodeCategory.MathSymbol => '\u00AC',
        UnicodeCategory.CurrencySymbol => '\u00A2',
        UnicodeCategory.ModifierSymbol => '\u00A8',
        UnicodeCategory.OtherSymbol => '\u00A6',
        UnicodeCategory.Format => '\u2060',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\uFFFE',
    };
}
