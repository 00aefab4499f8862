using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Jobs;
using LLaDA.Batch.Worker.Models;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>
/// Answers the lines of one shard and writes its part, once. May be called twice for the same shard, even concurrently: the lease admits
/// one worker at a time, and the part is written with If-None-Match, so a late worker drops its result.
/// </summary>
internal sealed class ShardMessageHandler(
    BatchStore batches,
    StorageAccount storage,
    WorkQueues queues,
    ShardDispatcher dispatcher,
    ShardRun run,
    ModelHost models,
    JobOptions options,
    TimeProvider time)
{
    /// <param name="stop">The worker shuts down, or another worker has received the message.</param>
    public async Task RunAsync(ShardMessage message, CancellationToken stop)
    {
        var blobs = new BatchBlobs(storage, message.Key);
        var (found, planned) = (batches.FindAsync(message.Key, stop), blobs.FindPlanAsync(stop));
        await Task.WhenAll(found, planned);
        var (batch, plan) = (await found, await planned);
        if (batch is not { Status: BatchStatus.InProgress } || plan is null || plan.PlanId != message.PlanId)
            return;     // ended or ending: the finish answers its lines

        await TracedWork.RunAsync("shard", batch.Id, batch.TraceParent, async () =>
        {
            bool isFirst = await WorkAsync(batch, plan, blobs, message.Shard, stop);
            if (batch.IsNow)
                return;     // the request that waits for its part ends it
            if (isFirst)
                await dispatcher.DispatchNextAsync(batch.Key, stop);
            await CallForFinishAsync(batch, plan, blobs, stop);
        }, message.Shard);
    }

    /// <returns>False if the part was written before, or by another worker meanwhile.</returns>
    private async Task<bool> WorkAsync(BatchRecord batch, BatchPlan plan, BatchBlobs blobs, int shard, CancellationToken stop)
    {
        var finding = blobs.Parts.ExistsAsync(shard, stop);      // beside the lease: an answer at once waits for each call to storage
        await using var lease = await blobs.Shards.TryLeaseAsync(plan.PlanId, shard, options.LeaseDuration, time, stop);
        if (await finding || plan.Shards[shard].IsRefused)
            return false;   // the functions write the part of a settled shard
        if (lease is null)
            throw new TryAgainException(options.LeaseDuration / 4, "another worker has the shard");
        await using var watch = new BatchWatch(batches, batch, time);
        using var work = await ShardWork.ReadAsync(batch, plan, blobs, shard, stop);
        var begun = work.Progress;
        await using var slice = new Slice(
            options.Slice, () => work.Progress != begun, token => AreOthersWaitingAsync(batch.Tenant, plan.Profile, token), time);
        return await run.RunAsync(work, watch, lease, slice.Over, stop);
    }

    /// <summary>Whether another model waits for the one in memory, or a shard of another tenant for a place on a worker.</summary>
    private async Task<bool> AreOthersWaitingAsync(string tenant, string profile, CancellationToken cancellation) =>
        models.AreOthersWaiting
        || await queues.HoldsOtherTenantsAsync(StorageNames.GenerateQueue(profile), tenant, cancellation);

    /// <summary>Sends the message for the finish once all shards are released and all parts are written.</summary>
    private async Task CallForFinishAsync(BatchRecord batch, BatchPlan plan, BatchBlobs blobs, CancellationToken cancellation)
    {
        bool isDispatched = await batches.Open.FindAsync(batch.Key, cancellation) is { } open && open.NumReleased >= plan.Shards.Count;
        if (isDispatched && await blobs.Parts.CountAsync(cancellation) == plan.Shards.Count)
            await queues.SendFinishAsync(batch.Key, TimeSpan.Zero, cancellation);
    }
}
