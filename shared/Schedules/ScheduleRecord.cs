using System.Globalization;
using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Schedules;

/// <summary>The record of a schedule and its progress, changed by conditional writes only.</summary>
public sealed class ScheduleRecord : TableRow
{
    public const string IdPrefix = "sched_";

    /// <summary>Occurrences that may wait at a time; further ones stay due, and are taken later or missed.</summary>
    public const int MaxWaiting = 100;

    [IgnoreDataMember]
    public string Id => IdPrefix + RowKey;

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    /// <summary>The request of its owner: a <c>ScheduleDefinition</c> of the functions as JSON.</summary>
    public string Definition { get; set; } = "";

    public bool IsPaused { get; set; }

    /// <summary>The first occurrence that no host has taken yet.</summary>
    public DateTimeOffset NextAt { get; set; }

    /// <summary>Occurrences that were taken and have no outcome yet, oldest first: ticks in UTC, separated by commas.</summary>
    public string Waiting { get; set; } = "";

    /// <summary>Their number, for filters.</summary>
    public int NumWaiting { get; set; }

    /// <summary>The last job that it made.</summary>
    public string? LastJobKey { get; set; }

    /// <summary>The last result of its jobs, as of the last occurrence; null when none had succeeded.</summary>
    public string? LastModel { get; set; }

    /// <summary>The blob that lists the data of those jobs.</summary>
    public string? Seen { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When it was deleted. Its outcomes, its lists and last its row are deleted a little later; it is paused as well.</summary>
    public DateTimeOffset? DeletedAt { get; set; }

    /// <summary>The occurrences that wait, oldest first.</summary>
    public IReadOnlyList<DateTimeOffset> GetWaiting() =>
    [
        .. Waiting.Split(',', StringSplitOptions.RemoveEmptyEntries)
            .Select(ticks => new DateTimeOffset(long.Parse(ticks, CultureInfo.InvariantCulture), TimeSpan.Zero)),
    ];

    public void SetWaiting(IReadOnlyCollection<DateTimeOffset> waiting)
    {
        Waiting = string.Join(',', waiting.Select(due => due.UtcTicks.ToString(CultureInfo.InvariantCulture)));
        NumWaiting = waiting.Count;
    }
}

/// <summary>The kinds of outcomes of an occurrence.</summary>
public enum ScheduleRunStatus
{
    /// <summary>A fine-tuning job.</summary>
    JobCreated,

    /// <summary>No job: there is no new data, or the previous job has not ended.</summary>
    Skipped,

    /// <summary>No job: no host was running in time.</summary>
    Missed,

    /// <summary>No job: the data cannot be read.</summary>
    Failed,
}

/// <summary>
/// The outcome of an occurrence. Its key derives from the schedule and the occurrence and it is written once: the first host decides, and
/// all others act on its outcome.
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

    /// <summary>The last of several missed occurrences that this outcome covers, and their number.</summary>
    public DateTimeOffset? ThroughAt { get; set; }

    public int NumMissed { get; set; }

    /// <summary>The model that the job begins with.</summary>
    public string? Model { get; set; }

    /// <summary>The blob that lists the job's data, and the number of its blobs.</summary>
    public string? Sources { get; set; }

    public int NumBlobs { get; set; }

    /// <summary>The schedule's new <see cref="ScheduleRecord.LastModel"/> and <see cref="ScheduleRecord.Seen"/>, where looked up.</summary>
    public string? LastModel { get; set; }

    public string? Seen { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public static string Partition(ScheduleRecord schedule) => $"{schedule.Tenant}|{schedule.RowKey}";

    /// <summary>Also the key of its job.</summary>
    public static string Key(ScheduleRecord schedule, DateTimeOffset dueAt) => SortableKey.Create(dueAt, Partition(schedule));
}
