namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>
/// What a job does with examples that are longer than its model's context. The first is the default, also of rows without the column.
/// </summary>
public enum LongExamples
{
    /// <summary>Cuts off the end of the answer, the end of turn included.</summary>
    Cut,

    /// <summary>Leaves the example out.</summary>
    Skip,

    /// <summary>Fails the job, naming the lines.</summary>
    Fail,
}
