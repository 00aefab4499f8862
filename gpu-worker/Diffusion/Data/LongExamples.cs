namespace LLaDA.Diffusion.Data;

/// <summary>What to do with an example that is longer than the model's context.</summary>
public enum LongExamples
{
    /// <summary>Refuse the file, naming the lines.</summary>
    Fail,

    /// <summary>Leave the example out.</summary>
    Skip,

    /// <summary>
    /// Cut off the end of the answer, the ends of turn and text included, so that nothing teaches an early end.
    /// A prompt that leaves no room for an answer is refused.
    /// </summary>
    Cut,
}
