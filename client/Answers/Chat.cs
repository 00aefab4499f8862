namespace LLaDA.Batch.Client.Answers;

/// <summary>A dialogue to continue. OpenAI's client sends the same request and has more around it.</summary>
public sealed record ChatRequest : SamplingRequest
{
    /// <summary>From the first to the last.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>New tokens; 128 by default.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Answers to give, 1 to 16; 1 by default. <see cref="AnswerUpdate.Choice"/> tells them apart.</summary>
    public int? N { get; init; }
}

/// <param name="Role"><c>system</c>, <c>user</c> or <c>assistant</c>.</param>
public sealed record ChatMessage(string Role, string Content);
