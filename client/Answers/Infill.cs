namespace LLaDA.Batch.Client.Answers;

/// <summary>A text with gaps to fill.</summary>
public sealed record InfillRequest : SamplingRequest
{
    /// <summary>With gaps such as <c>[MASK:3]</c>, of three tokens, or <c>[MASK]</c>, of a length that the service finds.</summary>
    public required string Text { get; init; }

    /// <summary>The most tokens of a gap <c>[MASK]</c>; 8 by default.</summary>
    public int? MaxGapLength { get; init; }

    /// <summary>What the fills consist of: one pattern for all gaps, or one by gap.</summary>
    public GapPatterns? Pattern { get; init; }

    /// <summary>By gap <c>[MASK]</c>, numbered from 0: the texts of which the most probable fills it.</summary>
    public IReadOnlyDictionary<int, IReadOnlyList<string>>? Choices { get; init; }

    /// <summary>Random maskings to average the likelihood of a choice over; 32 by default.</summary>
    public int? NumSamples { get; init; }

    /// <summary>Whether the answer has the log-probability of each token.</summary>
    public bool? Logprobs { get; init; }

    /// <summary>The most probable tokens to list beside each; with <see cref="Logprobs"/> only.</summary>
    public int? TopLogprobs { get; init; }
}

/// <summary>A filled text.</summary>
/// <param name="Text">The whole text; outside of its gaps it is what was sent, byte for byte.</param>
/// <param name="Spans">The fills, in the order of the gaps.</param>
public sealed record InfillAnswer(string Id, string Model, string Text, IReadOnlyList<InfillSpan> Spans);

/// <summary>The fill of a gap.</summary>
/// <param name="Index">Of the gap, from 0.</param>
/// <param name="Tokens">Number of its tokens.</param>
/// <param name="Confidence">The mean probability that the model gave its tokens, from 0 to 1.</param>
public sealed record InfillSpan(int Index, string Text, int Tokens, double Confidence)
{
    /// <summary>Which of the gap's choices it is; null for a gap without choices.</summary>
    public int? Choice { get; init; }

    /// <summary>The gap's choices in the order of the request; null for a gap without choices.</summary>
    public IReadOnlyList<ScoredChoice>? Choices { get; init; }

    /// <summary>Null unless they were asked for.</summary>
    public Logprobs? Logprobs { get; init; }

    /// <summary>How its tokens came about; null unless the request asked for a trace.</summary>
    public AnswerTrace? Trace { get; init; }
}

/// <summary>A text that might have filled a gap.</summary>
/// <param name="LogLikelihood">An estimate of a lower bound of log p(text | the text around the gap), in nats.</param>
/// <param name="Probability">Its likelihood as a share of those of all choices of the gap, from 0 to 1.</param>
public sealed record ScoredChoice(string Text, double LogLikelihood, double Probability);
