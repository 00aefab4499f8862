using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Schedules;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>The outcome of an occurrence on the wire.</summary>
public sealed record ScheduleRunObject
{
    public required string Id { get; init; }

    public required long DueAt { get; init; }

    public required long CreatedAt { get; init; }

    public required ScheduleRunStatus Status { get; init; }

    public required string? Reason { get; init; }

    public required string? Message { get; init; }

    public required string? FineTuningJob { get; init; }

    public required string? Model { get; init; }

    /// <summary>How many blobs the job learns from.</summary>
    public required int? Blobs { get; init; }

    /// <summary>Missed occurrences from <see cref="DueAt"/> through <see cref="ThroughAt"/>; null for any other outcome.</summary>
    public required int? MissedRuns { get; init; }

    public required long? ThroughAt { get; init; }

    public string Object => "schedule.run";

    public static ScheduleRunObject From(ScheduleRunRecord run)
    {
        bool hasJob = run.Status == ScheduleRunStatus.JobCreated;
        return new ScheduleRunObject
        {
            Id = run.Id,
            DueAt = run.DueAt.ToUnixTimeSeconds(),
            CreatedAt = run.CreatedAt.ToUnixTimeSeconds(),
            Status = run.Status,
            Reason = run.Reason,
            Message = run.Message,
            FineTuningJob = hasJob ? FineTuningJobRecord.IdPrefix + run.RowKey : null,
            Model = run.Model,
            Blobs = hasJob ? run.NumBlobs : null,
            MissedRuns = run.NumMissed > 0 ? run.NumMissed : null,
            ThroughAt = run.ThroughAt?.ToUnixTimeSeconds(),
        };
    }
}
