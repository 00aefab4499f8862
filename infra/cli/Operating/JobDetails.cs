using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>An unanswered shard with failed attempts.</summary>
/// <param name="Failures">Attempts that were begun and not excused, without the one in progress.</param>
/// <param name="Reason">Why the last attempt failed; null when its worker ended without a reason, or another attempt is in progress.</param>
internal sealed record ShardTrouble(int Shard, int FirstLine, int Lines, int Failures, string? Reason);

/// <summary>Everything that is known of a batch.</summary>
internal sealed record BatchDetails(
    JobView Job, string Endpoint, string? InputFileId, string? OutputFileId, string? ErrorFileId, DateTimeOffset ExpiresAt, DateTimeOffset? InProgressAt, DateTimeOffset? FinalizingAt,
    DateTimeOffset? CancellingAt, DateTimeOffset? ChangedAt, string? Profile, int? Shards, int? ShardsReleased, int? ShardsAnswered, IReadOnlyList<ShardTrouble> Trouble, JsonNode? Errors)
{
    private const int MaxTrouble = 20;

    public static async Task<BatchDetails> FromAsync(BatchRecord batch, StorageAccount storage, TimeProvider time, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        var plan = await blobs.FindPlanAsync(cancellation);
        var parts = plan is null ? null : await blobs.ListPartsAsync(cancellation);
        var active = await new BatchStore(storage, time).Open.FindAsync(batch.Key, cancellation);
        List<ShardTrouble> trouble = [];
        for (int shard = 0; shard < active?.NumReleased && trouble.Count < MaxTrouble; shard++)
        {
            if (plan is null || parts!.ContainsKey(shard) || await blobs.FindAttemptsAsync(shard, cancellation) is not { Current: { } group } attempts)
                continue;
            int failures = attempts.CountFailures(await blobs.IsLeasedAsync(plan.PlanId, shard, cancellation));
            if (failures > 0)
                trouble.Add(new ShardTrouble(shard, group.First, group.Count, failures, group.Reason));
        }
        return new BatchDetails(
            await JobView.FromAsync(batch, storage, cancellation), batch.Endpoint, batch.InputFileId, batch.OutputFileId, batch.ErrorFileId, batch.ExpiresAt, batch.InProgressAt, batch.FinalizingAt,
            batch.CancellingAt, batch.Timestamp, plan?.Profile, plan?.Shards.Count, active?.NumReleased, parts?.Count, trouble, batch.Errors is null ? null : JsonNode.Parse(batch.Errors));
    }
}

/// <summary>Something that happened to a training.</summary>
internal sealed record TrainingEvent(DateTimeOffset At, string Level, string Message);

/// <summary>Everything that is known of a fine-tuning job.</summary>
/// <param name="Runs">Runs that have begun, and those of them that ended without an excuse before a checkpoint.</param>
/// <param name="Events">The last ones, newest first.</param>
internal sealed record TrainingDetails(
    JobView Job, string? TrainingFileId, string? ScheduleId, string? Profile, int Examples, int Step, int CheckpointStep, int Runs, int FailedRuns, DateTimeOffset? QueuedAt,
    DateTimeOffset? EstimatedFinishAt, DateTimeOffset? ChangedAt, string? FineTunedModel, string? ErrorCode, IReadOnlyList<TrainingEvent> Events)
{
    private const int MaxEvents = 10;

    public static async Task<TrainingDetails> FromAsync(FineTuningJobRecord job, StorageAccount storage, TimeProvider time, CancellationToken cancellation)
    {
        var events = await new FineTuningEvents(storage, time).Records.ListAsync(FineTuningEvents.Partition(job), after: null, cancellation)
            .Take(MaxEvents).Select(entry => new TrainingEvent(entry.CreatedAt, entry.Level, entry.Message)).ToListAsync(cancellation);
        return new TrainingDetails(
            JobView.From(job), job.TrainingFileId, job.ScheduleKey is null ? null : Shared.Schedules.ScheduleRecord.IdPrefix + job.ScheduleKey, job.Profile, job.NumExamples, job.Step, job.CheckpointStep,
            job.RunNumber, job.FailedRuns, job.QueuedAt, job.EstimatedFinishAt, job.Timestamp, job.FineTunedModel, job.ErrorCode, events);
    }
}
