using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>
/// Puts shards on their queue, a bounded number for each tenant at a time: a tenant with a thousand batches waits for itself, not the others for it. Within a
/// tenant its batches take turns.
/// </summary>
public sealed class ShardDispatcher(StorageAccount storage, BatchStore batches, WorkQueues queues, TimeProvider time)
{
    /// <summary>Shards of a tenant that are on a queue or in work at the same time, and so the most workers that it can keep busy.</summary>
    public const int Window = 32;

    /// <summary>Releases what the tenant's window has room for. Counts the parts that exist, so it corrects whatever went wrong before.</summary>
    public async Task FillWindowAsync(string tenant, CancellationToken cancellation)
    {
        int room = Window;
        List<OpenBatchRow> waiting = [];
        await foreach (var active in batches.ListActiveAsync(tenant, cancellation))
        {
            if (active.NumReleased > 0)
                room -= Math.Max(0, active.NumReleased - await new BatchBlobs(storage, tenant, active.BatchKey).CountPartsAsync(cancellation));
            if (active.NumReleased < active.NumShards)
                waiting.Add(active);
        }
        while (room > 0 && NextTurn(waiting) is { } next)
        {
            waiting.Remove(next);
            if (await ReleaseAsync(next, cancellation) is not { } released)
                continue;
            room--;
            if (released.NumReleased < released.NumShards)
                waiting.Add(released);
        }
    }

    /// <summary>Passes the place of a shard that is done on to the tenant's next one.</summary>
    public async Task DispatchNextAsync(string tenant, CancellationToken cancellation)
    {
        List<OpenBatchRow> waiting = [];
        await foreach (var active in batches.ListActiveAsync(tenant, cancellation))
        {
            if (active.NumReleased < active.NumShards)
                waiting.Add(active);
        }
        while (NextTurn(waiting) is { } next && await ReleaseAsync(next, cancellation) is null)
            waiting.Remove(next);
    }

    /// <summary>Puts shards on the queue again whose messages must have been lost.</summary>
    public async Task ReleaseAgainAsync(OpenBatchRow active, IEnumerable<int> shards, CancellationToken cancellation)
    {
        await batches.UpdateActiveAsync(active.Tenant, active.BatchKey, current =>
        {
            current.ReleasedAt = time.GetUtcNow();
            return true;
        }, cancellation);
        foreach (int shard in shards)
            await SendAsync(active, shard, cancellation);
    }

    private static OpenBatchRow? NextTurn(List<OpenBatchRow> waiting) => waiting.MinBy(active => (active.ReleasedAt ?? DateTimeOffset.MinValue, active.NumReleased));

    /// <returns>Null when somebody else released its last shard, or the batch has ended.</returns>
    private async Task<OpenBatchRow?> ReleaseAsync(OpenBatchRow active, CancellationToken cancellation)
    {
        int? shard = null;
        var updated = await batches.UpdateActiveAsync(active.Tenant, active.BatchKey, current =>
        {
            shard = current.NumReleased < current.NumShards ? current.NumReleased : null;
            if (shard is null)
                return false;
            current.NumReleased++;
            current.ReleasedAt = time.GetUtcNow();
            return true;
        }, cancellation);
        if (updated is null || shard is null)
            return null;
        await SendAsync(updated, shard.Value, cancellation);
        return updated;
    }

    private Task SendAsync(OpenBatchRow active, int shard, CancellationToken cancellation) =>
        queues.SendShardAsync(active.Profile!, new ShardMessage(active.Tenant, active.BatchKey, active.PlanId!, shard), cancellation);
}
