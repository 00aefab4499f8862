namespace LLaDA.Diffusion.Data;

/// <summary>How examples become rows.</summary>
public sealed record FineTuningOptions
{
    /// <summary>The longest row, in tokens: prompt, answer and one end of text. At least 1.</summary>
    public required int MaxLength { get; init; }

    public LongExamples LongExamples { get; init; }

    /// <summary>
    /// Whether the end-of-text tokens that fill a batch belong to the answers: noised, predicted and counted, as published.
    /// If not, no token attends to them.
    /// </summary>
    public bool LearnsPadding { get; init; } = true;

    public long Seed { get; init; } = 1;

    /// <summary>Part of the fingerprint that checkpoints store, so its words stay as the first release wrote them.</summary>
    internal string Fingerprint
    {
        get
        {
            string name = LongExamples switch { LongExamples.Fail => "Refuse", LongExamples.Cut => "Truncate", var other => $"{other}" };
            return $"FineTuningOptions {{ MaxLength = {MaxLength}, LongExamples = {name}, "
                + $"LearnsPadding = {LearnsPadding}, Seed = {Seed} }}";
        }
    }

    /// <summary>The same for examples that are whole or left out, and of whose padding no token is learnt.</summary>
    /// <exception cref="ArgumentException">Long examples are to be cut.</exception>
    internal FineTuningOptions Whole(string examples) => LongExamples == LongExamples.Cut
        ? throw new ArgumentException($"{examples} are not cut: they are skipped or fail")
        : this with { LearnsPadding = false };
}
