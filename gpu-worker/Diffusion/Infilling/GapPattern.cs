namespace LLaDA.Diffusion.Infilling;

/// <summary>What the fill of a gap consists of, the one space before it that belongs to the gap aside.</summary>
public enum GapPattern
{
    /// <summary>One or more of the digits 0 to 9.</summary>
    Digits,

    /// <summary>One word: Unicode letters (L) with their marks (M), beginning with a letter; no digit, hyphen or apostrophe.</summary>
    Word,

    /// <summary>Any text without a line break: U+000A to U+000D, U+0085, U+2028 and U+2029.</summary>
    Sentence,
}
