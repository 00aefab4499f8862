namespace LLaDA.Diffusion.Text;

/// <summary>The special tokens of LLaDA's vocabulary, by the text under which tokenizer.json lists them.</summary>
public static class SpecialTokens
{
    public const string BeginningOfText = "<|startoftext|>";
    public const string EndOfText = "<|endoftext|>";
    public const string Mask = "<|mdm_mask|>";
    public const string StartOfHeader = "<|start_header_id|>";
    public const string EndOfHeader = "<|end_header_id|>";
    public const string EndOfTurn = "<|eot_id|>";

    public static IReadOnlyList<string> All { get; } = [BeginningOfText, EndOfText, Mask, StartOfHeader, EndOfHeader, EndOfTurn];
}
