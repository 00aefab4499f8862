using System.Text;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// The alphabet of byte-level BPE (GPT-2): each byte has a printable character of its own, so that any bytes can be spelt in a vocabulary.
/// </summary>
internal static class ByteLevel
{
    /// <summary>
    /// GPT-2's pattern of words: contractions, letters, digits, other signs, white space. A space goes with the word that follows.
    /// </summary>
    public const string WordPattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private static readonly char[] s_charOfByte = BuildAlphabet();
    private static readonly Dictionary<char, byte> s_byteOfChar =
        s_charOfByte.Index().ToDictionary(entry => entry.Item, entry => (byte)entry.Index);

    public static char ToChar(byte value) => s_charOfByte[value];

    /// <summary>How a vocabulary spells a text.</summary>
    public static string Spell(string text) => Spell(Encoding.UTF8.GetBytes(text));

    public static string Spell(byte[] text) => string.Concat(text.Select(ToChar));

    /// <summary>The bytes that a vocabulary entry stands for; null when it is not spelt in the alphabet.</summary>
    public static byte[]? ToBytes(string token)
    {
        byte[] bytes = new byte[token.Length];
        for (int index = 0; index < token.Length; index++)
        {
            if (!s_byteOfChar.TryGetValue(token[index], out bytes[index]))
                return null;
        }
        return bytes;
    }

    private static char[] BuildAlphabet()
    {
        char[] alphabet = new char[256];
        int next = 256;
        for (int value = 0; value < 256; value++)
        {
            bool isPrintable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            alphabet[value] = (char)(isPrintable ? value : next++);
        }
        return alphabet;
    }
}
