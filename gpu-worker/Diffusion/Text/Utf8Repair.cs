using System.Text;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// Text from bytes that may have been cut inside a character: what is no character is left out, the rest is kept to the byte.
/// </summary>
internal static class Utf8Repair
{
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out var rune, out int consumed) == System.Buffers.OperationStatus.Done)
                text.Append(rune);
            bytes = bytes[consumed..];
        }
        return text.ToString();
    }
}
