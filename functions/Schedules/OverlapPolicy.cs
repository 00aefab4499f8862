namespace LLaDA.Batch.Functions.Schedules;

/// <summary>What becomes of an occurrence while the schedule's previous job is unfinished.</summary>
public enum OverlapPolicy
{
    Skip,

    /// <summary>The occurrence waits for its turn.</summary>
    Queue,
}
