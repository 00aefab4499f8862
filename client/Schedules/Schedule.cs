namespace LLaDA.Batch.Client.Schedules;

/// <summary>When to train on what.</summary>
public sealed record ScheduleRequest
{
    /// <summary>Five fields: minute, hour, day of the month, month, day of the week.</summary>
    public required string Cron { get; init; }

    /// <summary>An IANA name, such as <c>Europe/Berlin</c>; UTC by default.</summary>
    public string? TimeZone { get; init; }

    /// <summary><c>base</c> or <c>last_result</c>.</summary>
    public string? StartFrom { get; init; }

    public required TrainingFolder TrainingData { get; init; }

    /// <summary>What a fine-tuning job takes, except its training file.</summary>
    public required object Job { get; init; }
}

/// <summary>Where the training files are.</summary>
/// <param name="Select"><c>all</c> or <c>new</c>; null takes the default, all.</param>
public sealed record TrainingFolder(string Container, string? Prefix = null, string? Select = null);

/// <summary>A schedule.</summary>
/// <param name="Status"><c>active</c> or <c>paused</c>.</param>
/// <param name="LastJob">The id of its last fine-tuning job; null before the first.</param>
public sealed record Schedule(
    string Id, string Status, string Cron, string TimeZone, DateTimeOffset? NextRunAt, TrainingFolder TrainingData, string? LastJob);

/// <summary>What became of a due time.</summary>
/// <param name="Status"><c>job_created</c>, <c>skipped</c>, <c>missed</c> or <c>failed</c>.</param>
public sealed record ScheduleRun(string Id, DateTimeOffset DueAt, string Status, string? Reason, string? Message, string? FineTuningJob);
