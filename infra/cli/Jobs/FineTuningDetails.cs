using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Jobs;

/// <summary>An event of a fine-tuning job.</summary>
internal sealed record JobEvent(DateTimeOffset At, string Level, string Message);

/// <summary>A fine-tuning job with its progress and its last events.</summary>
internal sealed record FineTuningDetails
{
    private const int MaxEvents = 10;

    public required JobView Job { get; init; }

    public required string? TrainingFileId { get; init; }

    public required string? ScheduleId { get; init; }

    public required string? Profile { get; init; }

    public required int Examples { get; init; }

    public required int Step { get; init; }

    public required int CheckpointStep { get; init; }

    /// <summary>Runs that have started.</summary>
    public required int Runs { get; init; }

    /// <summary>Runs that ended before a checkpoint and without a reason.</summary>
    public required int FailedRuns { get; init; }

    public required DateTimeOffset? QueuedAt { get; init; }

    public required DateTimeOffset? EstimatedFinishAt { get; init; }

    public required DateTimeOffset? ChangedAt { get; init; }

    public required string? FineTunedModel { get; init; }

    public required string? ErrorCode { get; init; }

    /// <summary>At most 10, newest first.</summary>
    public required IReadOnlyList<JobEvent> Events { get; init; }

    public static async Task<FineTuningDetails> FromAsync(
        FineTuningJobRecord job, StorageAccount storage, TimeProvider time, CancellationToken cancellation)
    {
        var events = new FineTuningEvents(storage, time).Records.ListAsync(FineTuningEvents.Partition(job), after: null, cancellation);
        return new FineTuningDetails
        {
            Job = JobView.From(job),
            TrainingFileId = job.TrainingFileId,
            ScheduleId = job.ScheduleKey is null ? null : ScheduleRecord.IdPrefix + job.ScheduleKey,
            Profile = job.Profile,
            Examples = job.NumExamples,
            Step = job.Step,
            CheckpointStep = job.CheckpointStep,
            Runs = job.RunNumber,
            FailedRuns = job.FailedRuns,
            QueuedAt = job.QueuedAt,
            EstimatedFinishAt = job.EstimatedFinishAt,
            ChangedAt = job.Timestamp,
            FineTunedModel = job.FineTunedModel,
            ErrorCode = job.ErrorCode,
            Events = await events.Take(MaxEvents)
                .Select(entry => new JobEvent(entry.CreatedAt, entry.Level, entry.Message)).ToListAsync(cancellation),
        };
    }
}
