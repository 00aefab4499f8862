namespace LLaDA.Batch.Shared.Wire;

/// <summary>Tokens of one line.</summary>
/// <param name="PromptTokens">Given tokens of the canvas.</param>
/// <param name="CompletionTokens">Tokens filled in, up to the end of the text.</param>
public sealed record LineUsage(int PromptTokens, int CompletionTokens)
{
    public int TotalTokens => PromptTokens + CompletionTokens;
}
