namespace LLaDA.Batch.Shared.Wire;

/// <summary>Tokens of one line.</summary>
/// <param name="PromptTokens">Given tokens of the canvas.</param>
/// <param name="CompletionTokens">Tokens filled in, up to the end of the text.</param>
public sealed record LineUsage(int PromptTokens, int CompletionTokens)
{
    /// <param name="cachedTokens">Given tokens whose keys and values another line had computed.</param>
    public LineUsage(int promptTokens, int completionTokens, int cachedTokens)
        : this(promptTokens, completionTokens) => PromptTokensDetails = new PromptTokensDetails(cachedTokens);

    public int TotalTokens => PromptTokens + CompletionTokens;

    public PromptTokensDetails PromptTokensDetails { get; init; } = new(0);
}

/// <param name="CachedTokens">Given tokens whose keys and values another line had computed. They count as given ones all the same.</param>
public sealed record PromptTokensDetails(int CachedTokens);
