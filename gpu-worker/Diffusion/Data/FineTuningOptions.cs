namespace LLaDA.Diffusion.Data;

/// <summary>What to do with an example that is longer than the model's context.</summary>
public enum LongExamples
{
    /// <summary>Name its line and do not begin.</summary>
    Refuse,

    /// <summary>Leave it out.</summary>
    Skip,

    /// <summary>Cut the end of the answer off, end of text included, so that nothing teaches an early end. A prompt that leaves no room for an answer is refused.</summary>
    Truncate,
}

/// <summary>How examples become rows.</summary>
public sealed record FineTuningOptions
{
    /// <summary>The longest row, in tokens, prompt and answer and one end of text.</summary>
    public required int MaxLength { get; init; }

    public LongExamples LongExamples { get; init; }

    /// <summary>Whether the end-of-text tokens that fill a batch belong to the answers: noised, predicted and counted, as published. Else nobody sees them.</summary>
    public bool LearnsPadding { get; init; } = true;

    public long Seed { get; init; } = 1;
}
