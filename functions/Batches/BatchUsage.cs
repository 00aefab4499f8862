using System.Text.Json.Serialization;
using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Tokens of a batch. Clients require the details, which are always 0 here.</summary>
public sealed record BatchUsage
{
    public required long InputTokens { get; init; }

    public required long OutputTokens { get; init; }

    public CachedTokens InputTokensDetails => new();

    public ReasoningTokens OutputTokensDetails => new();

    public long TotalTokens => InputTokens + OutputTokens;

    public static BatchUsage Of(PartCounts counts) => new() { InputTokens = counts.PromptTokens, OutputTokens = counts.CompletionTokens };
}

public sealed record CachedTokens
{
    [JsonPropertyName("cached_tokens")]
    public long Tokens { get; init; }
}

public sealed record ReasoningTokens
{
    [JsonPropertyName("reasoning_tokens")]
    public long Tokens { get; init; }
}
