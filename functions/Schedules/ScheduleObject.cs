using System.Text.Json;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Schedules;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>A schedule on the wire.</summary>
public sealed record ScheduleObject
{
    public required string Id { get; init; }

    public required long CreatedAt { get; init; }

    public required string Status { get; init; }

    public required string Cron { get; init; }

    public required string TimeZone { get; init; }

    /// <summary>Null while it is paused.</summary>
    public required long? NextRunAt { get; init; }

    /// <summary>Occurrences that wait for the previous job, or for the tenant's quota.</summary>
    public required int WaitingRuns { get; init; }

    public required JsonElement Job { get; init; }

    public required StartFrom StartFrom { get; init; }

    public required TrainingDataFolder TrainingData { get; init; }

    public required OverlapPolicy Overlap { get; init; }

    public required MissedPolicy Missed { get; init; }

    public required string? LastJob { get; init; }

    public required JsonElement? Metadata { get; init; }

    public string Object => "schedule";

    public static ScheduleObject From(ScheduleRecord schedule)
    {
        var definition = ScheduleDefinition.FromJson(schedule.Definition);
        return new ScheduleObject
        {
            Id = schedule.Id,
            CreatedAt = schedule.CreatedAt.ToUnixTimeSeconds(),
            Status = schedule.IsPaused ? "paused" : "active",
            Cron = definition.Cron,
            TimeZone = definition.TimeZone,
            NextRunAt = schedule.IsPaused ? null : schedule.NextAt.ToUnixTimeSeconds(),
            WaitingRuns = schedule.NumWaiting,
            Job = definition.Job,
            StartFrom = definition.StartFrom,
            TrainingData = definition.TrainingData,
            Overlap = definition.Overlap,
            Missed = definition.Missed,
            LastJob = schedule.LastJobKey is null ? null : FineTuningJobRecord.IdPrefix + schedule.LastJobKey,
            Metadata = definition.Metadata,
        };
    }
}
