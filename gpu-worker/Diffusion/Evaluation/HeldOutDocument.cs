using System.Text;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>A document of held-out text, cut to a model's context.</summary>
/// <param name="Tokens">From the beginning of text; with the end of text unless the document was cut.</param>
/// <param name="NumBytes">UTF-8 bytes of the tokens' text.</param>
public sealed record HeldOutDocument(int[] Tokens, int NumBytes)
{
    /// <param name="maxLength">The most tokens, at least 2.</param>
    public static HeldOutDocument Of(LLaDATokenizer tokenizer, string text, int maxLength)
    {
        int[] tokens = [tokenizer.BeginningOfTextId, .. tokenizer.Encode(text), tokenizer.EndOfTextId];
        return tokens.Length <= maxLength
            ? new HeldOutDocument(tokens, Encoding.UTF8.GetByteCount(text))
            : new HeldOutDocument(tokens[..maxLength], tokenizer.DecodeBytes(tokens[..maxLength]).Length);
    }
}
