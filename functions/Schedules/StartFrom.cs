namespace LLaDA.Batch.Functions.Schedules;

/// <summary>The model that a job of a schedule begins with.</summary>
public enum StartFrom
{
    /// <summary>The model that the schedule names.</summary>
    Base,

    /// <summary>The result of its last job that succeeded, or the named model when there is none.</summary>
    LastResult,
}
