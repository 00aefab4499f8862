using System.Globalization;
using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Schedules;

/// <summary>A schedule and how far it has come: the truth about it. Whoever fires it changes it by conditional writes alone.</summary>
public sealed class ScheduleRecord : TableRow
{
    public const string IdPrefix = "sched_";

    /// <summary>Occurrences that may wait at a time; those beyond stay due and are met later, or missed.</summary>
    public const int MaxWaiting = 100;

    [IgnoreDataMember]
    public string Id => IdPrefix + RowKey;

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    /// <summary>What its owner asked for: a <c>ScheduleDefinition</c> of the functions as JSON.</summary>
    public string Definition { get; set; } = "";

    public bool IsPaused { get; set; }

    /// <summary>The first occurrence that nobody has taken yet.</summary>
    public DateTimeOffset NextAt { get; set; }

    /// <summary>Occurrences that were taken and have no outcome yet, oldest first: ticks in UTC, separated by commas.</summary>
    public string Waiting { get; set; } = "";

    /// <summary>How many these are; a filter reads it.</summary>
    public int NumWaiting { get; set; }

    /// <summary>The last job that it made.</summary>
    public string? LastJobKey { get; set; }

    /// <summary>The last result of those jobs that had ended when it last looked; null when none had succeeded.</summary>
    public string? LastModel { get; set; }

    /// <summary>The blob that lists what those jobs have learnt from.</summary>
    public string? Seen { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>From when on it does not exist any more, although its outcomes, its lists and at last its row go a little later; it is paused as well.</summary>
    public DateTimeOffset? DeletedAt { get; set; }

    /// <summary>The occurrences that wait, oldest first.</summary>
    public IReadOnlyList<DateTimeOffset> GetWaiting() =>
        [.. Waiting.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(ticks => new DateTimeOffset(long.Parse(ticks, CultureInfo.InvariantCulture), TimeSpan.Zero))];

    public void SetWaiting(IReadOnlyCollection<DateTimeOffset> waiting) =>
        (Waiting, NumWaiting) = (string.Join(',', waiting.Select(due => due.UtcTicks.ToString(CultureInfo.InvariantCulture))), waiting.Count);
}

/// <summary>What became of an occurrence.</summary>
public enum ScheduleRunStatus
{
    /// <summary>A fine-tuning job.</summary>
    JobCreated,

    /// <summary>Nothing, for a good reason: nothing new to learn from, or the job before still at work.</summary>
    Skipped,

    /// <summary>Nothing: no host was up in time.</summary>
    Missed,

    /// <summary>Nothing: the data cannot be had.</summary>
    Failed,
}

/// <summary>
/// The outcome of an occurrence. Its key derives from the schedule and the occurrence and it is written once, so that the first host to write it decides and all others do as it says.
/// </summary>
public sealed class ScheduleRunRecord : TableRow
{
    public const string IdPrefix = "run_";

    [IgnoreDataMember]
    public string Id => IdPrefix + RowKey;

    public DateTimeOffset DueAt { get; set; }

    public ScheduleRunStatus Status { get; set; }

    /// <summary>A code; null for a job.</summary>
    public string? Reason { get; set; }

    public string? Message { get; set; }

    /// <summary>The last of several missed occurrences that this stands for, and how many they are.</summary>
    public DateTimeOffset? ThroughAt { get; set; }

    public int NumMissed { get; set; }

    /// <summary>The model that the job begins with.</summary>
    public string? Model { get; set; }

    /// <summary>The blob that lists the job's data, and how many blobs that are.</summary>
    public string? Sources { get; set; }

    public int NumBlobs { get; set; }

    /// <summary>What the schedule knows of its earlier jobs from here on, where it was looked up: <see cref="ScheduleRecord.LastModel"/> and <see cref="ScheduleRecord.Seen"/>.</summary>
    public string? LastModel { get; set; }

    public string? Seen { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public static string Partition(ScheduleRecord schedule) => $"{schedule.Tenant}|{schedule.RowKey}";

    /// <summary>Also the key of its job.</summary>
    public static string Key(ScheduleRecord schedule, DateTimeOffset dueAt) => SortableKey.Create(dueAt, Partition(schedule));
}
