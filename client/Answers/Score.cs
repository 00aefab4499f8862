namespace LLaDA.Batch.Client.Answers;

/// <summary>Completions of a prompt to compare by likelihood.</summary>
public sealed record ScoreRequest
{
    /// <summary>The name of a model.</summary>
    public required string Model { get; init; }

    /// <summary>The text before each completion.</summary>
    public required string Prompt { get; init; }

    /// <summary>1 to 256 texts.</summary>
    public required IReadOnlyList<string> Completions { get; init; }

    /// <summary>Random maskings to average over, each a forward pass; 128 by default.</summary>
    public int? NumSamples { get; init; }

    /// <summary>The same request with the same seed has the same answer.</summary>
    public long? Seed { get; init; }
}

/// <summary>Scores of completions.</summary>
/// <param name="Scores">In the order of the completions.</param>
/// <param name="Best">Index of the highest log-likelihood, without any division by a length.</param>
public sealed record ScoreAnswer(string Id, string Model, IReadOnlyList<CompletionScore> Scores, int Best);

/// <summary>The score of a completion.</summary>
/// <param name="LogLikelihood">An estimate of a lower bound of log p(completion | prompt), in nats.</param>
public sealed record CompletionScore(int Index, double LogLikelihood, int Tokens, int Bytes);
