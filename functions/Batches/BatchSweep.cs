using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Looks after every batch that has something left to do and sends again what may have been lost: a state is written before its message, so a process that dies
/// in between leaves a state that this timer finds. Sending twice is harmless.
/// </summary>
public sealed partial class BatchSweep(
    BatchStore batches, ShardDispatcher release, BatchClosing close, WorkQueues queues, StorageAccount storage, TimeProvider time, ILogger<BatchSweep> logger)
{
    /// <summary>How often the timer fires.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    /// <summary>How long nothing may happen to a batch before it counts as forgotten.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    public async Task RunAsync(CancellationToken cancellation)
    {
        HashSet<string> waiting = [];
        await foreach (var (active, batch) in batches.ListActiveAsync(cancellation))
        {
            await LookAfterAsync(active, batch, cancellation);
            if (active.NumReleased < active.NumShards)
                waiting.Add(active.Tenant);
        }
        foreach (string tenant in waiting)
            await release.FillWindowAsync(tenant, cancellation);
    }

    private async Task LookAfterAsync(OpenBatchRow active, BatchRecord batch, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        bool isQuiet = now - (batch.Timestamp ?? now) > s_patience;
        switch (batch.Status)
        {
            case BatchStatus.Completed or BatchStatus.Failed or BatchStatus.Expired or BatchStatus.Cancelled:
                await close.RunAsync(batch, cancellation);
                break;
            case BatchStatus.Validating or BatchStatus.InProgress when now >= batch.ExpiresAt + BatchTimes.CancelGrace:
                if (isQuiet)    // else it is being finished
                    await SendAgainAsync(batch, StorageNames.FinishQueue, cancellation);
                break;
            case BatchStatus.Cancelling when now >= batch.CancellingAt + BatchTimes.CancelGrace && isQuiet:
            case BatchStatus.Finalizing when isQuiet:
                await SendAgainAsync(batch, StorageNames.FinishQueue, cancellation);
                break;
            case BatchStatus.Validating when isQuiet:
            case BatchStatus.InProgress when isQuiet && active.PlanId is null:
                await SendAgainAsync(batch, StorageNames.PlanQueue, cancellation);
                break;
            case BatchStatus.InProgress when now - (active.ReleasedAt ?? now) > s_patience:
                await ReleaseAgainAsync(active, batch, cancellation);
                break;
            default:
                break;
        }
    }

    private async Task ReleaseAgainAsync(OpenBatchRow active, BatchRecord batch, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        var parts = await blobs.ListPartsAsync(cancellation);
        if (parts.Count == active.NumShards)
        {
            await SendAgainAsync(batch, StorageNames.FinishQueue, cancellation);
            return;
        }

        int[] missing = [.. Enumerable.Range(0, active.NumReleased).Where(shard => !parts.ContainsKey(shard))];
        if (missing.Length == 0 || !await queues.HasDrainedAsync(StorageNames.GenerateQueue(active.Profile!), active.ReleasedAt!.Value, cancellation))
            return;
        List<int> lost = [];
        foreach (int shard in missing)
        {
            if (!await blobs.IsLeasedAsync(active.PlanId!, shard, cancellation))
                lost.Add(shard);
        }
        if (lost.Count == 0)
            return;
        LogResent(logger, batch.Id, StorageNames.GenerateQueue(active.Profile!));
        await release.ReleaseAgainAsync(active, lost, cancellation);
    }

    /// <summary>Only when the queue holds nothing as old as the batch's last move, and once in the time that a batch may be quiet: what waits long is not made to wait longer.</summary>
    private async Task SendAgainAsync(BatchRecord batch, string queue, CancellationToken cancellation)
    {
        if (!await queues.HasDrainedAsync(queue, batch.Timestamp ?? batch.CreatedAt, cancellation))
            return;
        LogResent(logger, batch.Id, queue);
        await batches.TouchAsync(batch, cancellation);
        if (queue == StorageNames.PlanQueue)
            await queues.SendPlanAsync(batch.Tenant, batch.RowKey, cancellation);
        else
            await queues.SendFinishAsync(batch.Tenant, batch.RowKey, TimeSpan.Zero, cancellation);
    }

    [LoggerMessage(EventId = 221, Level = LogLevel.Warning, Message = "{Batch} has not moved for a while; sent to queue {Queue} again")]
    private static partial void LogResent(ILogger logger, string batch, string queue);
}
