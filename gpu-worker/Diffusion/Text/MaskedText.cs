using System.Text;

namespace LLaDA.Diffusion.Text;

/// <summary>Tokens of which some are masked, as a text for people.</summary>
public static class MaskedText
{
    /// <summary>What stands for a masked token.</summary>
    public const char Mask = '░';

    public static string Of(LLaDATokenizer tokenizer, ReadOnlySpan<int> tokens, int maskTokenId)
    {
        var text = new StringBuilder();
        while (tokens.Length > 0)
        {
            int numCommitted = tokens.IndexOf(maskTokenId) is var mask and >= 0 ? mask : tokens.Length;
            text.Append(tokenizer.Decode(tokens[..numCommitted].ToArray()));
            tokens = tokens[numCommitted..];
            int numMasked = tokens.IndexOfAnyExcept(maskTokenId) is var end and >= 0 ? end : tokens.Length;
            text.Append(Mask, numMasked);
            tokens = tokens[numMasked..];
        }
        return text.ToString();
    }
}
