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

    /// <summary>Begins a turn in Ling's vocabulary, which LLaDA-MoE and LLaDA2 have.</summary>
    internal const string StartOfRole = "<role>";

    public static IReadOnlyList<string> All { get; } = [BeginningOfText, EndOfText, Mask, StartOfHeader, EndOfHeader, EndOfTurn];

    /// <summary>Tokens that begin and end turns in LLaDA's dialogues and in those of Ling and Qwen.</summary>
    internal static IReadOnlySet<string> Structure { get; } =
        new HashSet<string>([.. All, StartOfRole, "</role>", "<|role_end|>", "<|im_start|>", "<|im_end|>"], StringComparer.Ordinal);
}
