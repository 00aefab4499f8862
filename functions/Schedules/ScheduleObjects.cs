using System.Text.Json;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Schedules;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>A schedule on the wire.</summary>
/// <param name="NextRunAt">Null while it is paused.</param>
/// <param name="WaitingRuns">Occurrences that wait for the job before, or for the tenant's quota.</param>
public sealed record ScheduleObject(
    string Id, long CreatedAt, string Status, string Cron, string TimeZone, long? NextRunAt, int WaitingRuns, JsonElement Job, StartFrom StartFrom, TrainingDataFolder TrainingData,
    OverlapPolicy Overlap, MissedPolicy Missed, string? LastJob, JsonElement? Metadata)
{
    public string Object => "schedule";

    public static ScheduleObject From(ScheduleRecord schedule)
    {
        var asked = ScheduleDefinition.FromJson(schedule.Definition);
        return new ScheduleObject(
            schedule.Id, schedule.CreatedAt.ToUnixTimeSeconds(), schedule.IsPaused ? "paused" : "active", asked.Cron, asked.TimeZone,
            schedule.IsPaused ? null : schedule.NextAt.ToUnixTimeSeconds(), schedule.NumWaiting, asked.Job, asked.StartFrom, asked.TrainingData, asked.Overlap, asked.Missed,
            schedule.LastJobKey is null ? null : FineTuningJobRecord.IdPrefix + schedule.LastJobKey, asked.Metadata);
    }
}

/// <summary>The outcome of an occurrence on the wire.</summary>
/// <param name="Blobs">Those that the job learns from.</param>
/// <param name="MissedRuns">Occurrences from <paramref name="DueAt"/> through <paramref name="ThroughAt"/> that were missed; null for anything else.</param>
public sealed record ScheduleRunObject(
    string Id, long DueAt, long CreatedAt, ScheduleRunStatus Status, string? Reason, string? Message, string? FineTuningJob, string? Model, int? Blobs, int? MissedRuns, long? ThroughAt)
{
    public string Object => "schedule.run";

    public static ScheduleRunObject From(ScheduleRunRecord run)
    {
        bool hasJob = run.Status == ScheduleRunStatus.JobCreated;
        return new ScheduleRunObject(
            run.Id, run.DueAt.ToUnixTimeSeconds(), run.CreatedAt.ToUnixTimeSeconds(), run.Status, run.Reason, run.Message, hasJob ? FineTuningJobRecord.IdPrefix + run.RowKey : null,
            run.Model, hasJob ? run.NumBlobs : null, run.NumMissed > 0 ? run.NumMissed : null, run.ThroughAt?.ToUnixTimeSeconds());
    }
}
