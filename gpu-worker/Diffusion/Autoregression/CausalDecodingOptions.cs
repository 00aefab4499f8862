using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Autoregression;

/// <summary>How an autoregressive twin continues prompts.</summary>
public sealed record CausalDecodingOptions
{
    /// <summary>Tokens to add, at least 0; fewer where an end stops the row or the context is full.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>0 takes the most probable token (greedy); above, tokens are drawn from softmax(logits / temperature).</summary>
    public double Temperature { get; init; }

    /// <summary>Tokens that are never chosen, besides [MASK]; null for none.</summary>
    public TokenSet? Forbidden { get; init; }

    /// <summary>Whether the end of text stops a row; it is part of the answer.</summary>
    public bool StopsAtEos { get; init; } = true;

    public ulong Seed { get; init; }
}
