namespace LLaDA.Batch.Functions.Schedules;

/// <summary>What becomes of occurrences that no host saw in time.</summary>
public enum MissedPolicy
{
    /// <summary>The latest one runs late, the others do not run.</summary>
    Latest,

    /// <summary>All run late, oldest first.</summary>
    All,

    /// <summary>None runs.</summary>
    Skip,
}
