using LLaDA.Batch.Shared.Files;

namespace LLaDA.Batch.Functions;

/// <summary>How long data are kept (section <c>Retention</c>).</summary>
public sealed record RetentionOptions
{
    public const string Section = "Retention";

    /// <summary>The time without progress after which a deletion counts as interrupted.</summary>
    internal static readonly TimeSpan StalledAfter = TimeSpan.FromMinutes(5);

    /// <summary>How long a run may outlive its job: seconds, unless its process is suspended.</summary>
    internal static readonly TimeSpan RunsAlive = TimeSpan.FromDays(1);

    /// <summary>How long after the end of a job is looked for what its runs left behind.</summary>
    internal static readonly TimeSpan LookedForLeftovers = TimeSpan.FromDays(4);

    /// <summary>How long an Idempotency-Key gives the same answer.</summary>
    internal static readonly TimeSpan Idempotency = TimeSpan.FromHours(24);

    /// <summary>
    /// Inputs and results of batches for which the client names no other time. Training data are kept until they are deleted.
    /// </summary>
    public TimeSpan BatchFiles { get; init; } = TimeSpan.FromDays(30);

    /// <summary>
    /// Training files that schedules assemble. Their blobs belong to the tenant, and a job that is resumed after this time fails.
    /// </summary>
    public TimeSpan ScheduledFiles { get; init; } = TimeSpan.FromDays(90);

    /// <summary>
    /// Intermediate blobs (plan, shards, parts) after the end of their batch. At least one hour, in case a worker is still writing.
    /// </summary>
    public TimeSpan Work { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Answers at once after their end: as long as their Idempotency-Key leads to them, and at least <see cref="Work"/>.</summary>
    internal TimeSpan Answers => Work > Idempotency ? Work : Idempotency;

    /// <summary>Rows of batches after their end.</summary>
    public TimeSpan Batches { get; init; } = TimeSpan.FromDays(90);

    /// <summary>Outcomes of schedules after their decision.</summary>
    public TimeSpan ScheduleRuns { get; init; } = TimeSpan.FromDays(90);

    /// <summary>The log of webhook deliveries from the first attempt on; at least a day, for which attempts are made.</summary>
    public TimeSpan Deliveries { get; init; } = TimeSpan.FromDays(30);

    /// <returns>Null for files that are kept until they are deleted.</returns>
    public TimeSpan? KeepsFilesFor(string purpose) => purpose == FilePurpose.FineTune ? null : BatchFiles;

    /// <returns>All errors of the section.</returns>
    public IEnumerable<string> Validate()
    {
        if (Work < TimeSpan.FromHours(1) || Batches < Work)
            yield return $"{Section}:{nameof(Work)} must be at least an hour, and {Section}:{nameof(Batches)} at least as long";
        if (BatchFiles < TimeSpan.FromHours(1))
            yield return $"{Section}:{nameof(BatchFiles)} must be at least an hour";
        if (ScheduleRuns < TimeSpan.FromDays(1))
            yield return $"{Section}:{nameof(ScheduleRuns)} must be at least a day";
        if (Deliveries < TimeSpan.FromDays(1))
            yield return $"{Section}:{nameof(Deliveries)} must be at least a day";
        if (ScheduledFiles < TimeSpan.FromDays(1))
            yield return $"{Section}:{nameof(ScheduledFiles)} must be at least a day";
    }
}
