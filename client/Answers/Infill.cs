namespace LLaDA.Batch.Client.Answers;

/// <summary>A text with gaps to fill.</summary>
public sealed record InfillRequest : SamplingRequest
{
    /// <summary>With gaps such as <c>[MASK:3]</c>, of three tokens, or <c>[MASK]</c>, of a length that the service finds.</summary>
    public required string Text { get; init; }

    /// <summary>The most tokens of a gap <c>[MASK]</c>; 8 by default.</summary>
    public int? MaxGapLength { get; init; }
}

/// <summary>A filled text.</summary>
/// <param name="Text">The whole text; outside of its gaps it is what was sent, byte for byte.</param>
/// <param name="Spans">The fills, in the order of the gaps.</param>
public sealed record InfillAnswer(string Id, string Model, string Text, IReadOnlyList<InfillSpan> Spans);

/// <summary>The fill of a gap.</summary>
/// <param name="Index">Of the gap, from 0.</param>
/// <param name="Tokens">Number of its tokens.</param>
/// <param name="Confidence">The mean probability that the model gave its tokens, from 0 to 1.</param>
public sealed record InfillSpan(int Index, string Text, int Tokens, double Confidence);
