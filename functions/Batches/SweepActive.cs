using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Looks after every batch that is not terminal and sends again what may have been lost: a state is written before its message, so a process that dies in
/// between leaves a state that this timer finds. Sending twice is harmless.
/// </summary>
public sealed partial class SweepActive(BatchStore batches, WorkQueues queues, StorageAccount storage, TimeProvider time, ILogger<SweepActive> logger)
{
    /// <summary>How often the timer fires.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    /// <summary>How long nothing may happen to a batch before it counts as forgotten.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    public async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var batch in batches.ListActiveAsync(cancellation))
        {
            var now = time.GetUtcNow();
            bool isQuiet = now - (batch.Timestamp ?? now) > s_patience;
            switch (batch.Status)
            {
                case BatchStatus.Validating when isQuiet:
                    LogResent(logger, batch.Id, StorageNames.PlanQueue);
                    await queues.SendPlanAsync(batch.Tenant, batch.RowKey, cancellation);
                    break;
                case BatchStatus.Validating or BatchStatus.InProgress when now >= batch.ExpiresAt + BatchTimes.CancelGrace:
                case BatchStatus.Cancelling when now >= batch.CancellingAt + BatchTimes.CancelGrace && isQuiet:
                case BatchStatus.Finalizing when isQuiet:
                    LogResent(logger, batch.Id, StorageNames.FinishQueue);
                    await queues.SendFinishAsync(batch.Tenant, batch.RowKey, TimeSpan.Zero, cancellation);
                    break;
                case BatchStatus.InProgress when isQuiet:
                    await ResendShardsAsync(batch, cancellation);
                    break;
                default:
                    break;
            }
        }
    }

    private async Task ResendShardsAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        if (await blobs.FindPlanAsync(cancellation) is not { } plan)
            return;
        var parts = await blobs.ListPartsAsync(cancellation);
        int[] missing = [.. Enumerable.Range(0, plan.Shards.Count).Where(shard => !parts.ContainsKey(shard)).Take(BatchTimes.ReleaseWindow)];
        if (missing.Length == 0)
        {
            LogResent(logger, batch.Id, StorageNames.FinishQueue);
            await queues.SendFinishAsync(batch.Tenant, batch.RowKey, TimeSpan.Zero, cancellation);
            return;
        }

        // Messages in work count as well: a queue that is not drained may still hold these shards.
        if (await queues.CountShardsAsync(plan.Profile, cancellation) > 0)
            return;
        LogResent(logger, batch.Id, StorageNames.GenerateQueue(plan.Profile));
        foreach (int shard in missing)
            await queues.SendShardAsync(plan.Profile, new ShardMessage(batch.Tenant, batch.RowKey, plan.Attempt, shard), cancellation);
    }

    [LoggerMessage(EventId = 221, Level = LogLevel.Warning, Message = "{Batch} has not moved for a while; sent to queue {Queue} again")]
    private static partial void LogResent(ILogger logger, string batch, string queue);
}
