using System.Runtime.Serialization;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>Marks a job that has something left to do: written before the job, deleted once the job is terminal and closed.</summary>
public abstract class OpenRow : TableRow
{
    /// <summary>Failures of planning, other than storage's, after which a job fails.</summary>
    public const int MaxPlanFaults = 5;

    /// <summary>How long planning is repeated while storage fails.</summary>
    public static readonly TimeSpan PlanPatience = TimeSpan.FromHours(1);

    public string Tenant { get; set; } = "";

    /// <summary>When the message for its plan was sent; null while it waits for its turn.</summary>
    public DateTimeOffset? PlanSentAt { get; set; }

    /// <summary>When planning failed for the first time; null where it has not.</summary>
    public DateTimeOffset? PlanFailedAt { get; set; }

    /// <summary>Failures of planning that were not storage's.</summary>
    public int PlanFaults { get; set; }

    /// <summary>Whether it needs no plan any more; false where only the job's record knows.</summary>
    [IgnoreDataMember]
    public virtual bool IsPlanned => false;

    /// <summary>The record of the job.</summary>
    [IgnoreDataMember]
    public JobKey Job => new(Tenant, RowKey[(RowKey.IndexOf('|', StringComparison.Ordinal) + 1)..]);

    /// <summary>When the job was created, by its key.</summary>
    [IgnoreDataMember]
    public DateTimeOffset CreatedAt => SortableKey.TimeOf(Job.RowKey);

    /// <summary>How fast its claim to the next turn grows with the time that it waits.</summary>
    public virtual double WeightAt(DateTimeOffset now) => 1;

    /// <summary>Counts a failure of planning.</summary>
    /// <returns>False when it changes nothing.</returns>
    public bool TryCountPlanFailure(bool isStorages, DateTimeOffset now)
    {
        if (isStorages && PlanFailedAt is not null)
            return false;
        PlanFailedAt ??= now;
        PlanFaults += isStorages ? 0 : 1;
        return true;
    }

    /// <summary>Whether planning has failed for good, and the job with it.</summary>
    public bool HasPlanFailed(DateTimeOffset now) => PlanFaults >= MaxPlanFaults || now >= PlanFailedAt + PlanPatience;

    public static string Prefix(string tenant) => $"{tenant}|";

    public static string Key(JobKey job) => Prefix(job.Tenant) + job.RowKey;
}
