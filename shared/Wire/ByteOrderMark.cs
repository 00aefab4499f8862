namespace LLaDA.Batch.Shared.Wire;

/// <summary>What editors write before a text to name its encoding.</summary>
internal static class ByteOrderMark
{
    public static ReadOnlySpan<byte> Utf8 => [0xEF, 0xBB, 0xBF];

    /// <summary>Whether a text begins with a mark of UTF-16 or UTF-32, of either byte order.</summary>
    public static bool IsOther(ReadOnlySpan<byte> text) => text is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..] or [0, 0, 0xFE, 0xFF, ..];
}
