using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>
/// Sends shards to their queue, at most <see cref="MaxInFlight"/> of a tenant at a time, so that a tenant with many batches does not delay
/// the others. The batches of a tenant take turns.
/// </summary>
public sealed class ShardDispatcher(StorageAccount storage, BatchStore batches, WorkQueues queues, TimeProvider time)
{
    /// <summary>Shards of a tenant that are queued or running, and so the most workers that it can keep busy.</summary>
    public const int MaxInFlight = 32;

    /// <summary>Dispatches as many shards as the tenant has room for. Counts the parts that exist, so it corrects earlier errors.</summary>
    public async Task FillWindowAsync(string tenant, CancellationToken cancellation)
    {
        int room = MaxInFlight;
        List<OpenBatchRow> waiting = [];
        await foreach (var open in batches.Open.ListAsync(tenant, cancellation))
        {
            if (open.NumReleased > 0)
                room -= open.NumReleased - await new BatchBlobs(storage, open.Job).CountPartsAsync(cancellation, before: open.NumReleased);
            if (open.HasUndispatched)
                waiting.Add(open);
        }
        while (room > 0 && NextTurn(waiting) is { } next)
        {
            waiting.Remove(next);
            if (await DispatchAsync(next, cancellation) is not { } dispatched)
                continue;
            room--;
            if (dispatched.HasUndispatched)
                waiting.Add(dispatched);
        }
    }

    /// <summary>Dispatches the tenant's next shard in place of a finished one.</summary>
    public async Task DispatchNextAsync(string tenant, CancellationToken cancellation)
    {
        List<OpenBatchRow> waiting = [];
        await foreach (var open in batches.Open.ListAsync(tenant, cancellation))
        {
            if (open.HasUndispatched)
                waiting.Add(open);
        }
        while (NextTurn(waiting) is { } next && await DispatchAsync(next, cancellation) is null)
            waiting.Remove(next);
    }

    /// <summary>Sends shards again whose messages must have been lost.</summary>
    public async Task DispatchAgainAsync(OpenBatchRow open, IEnumerable<int> shards, CancellationToken cancellation)
    {
        await batches.Open.UpdateAsync(open.Job, current =>
        {
            current.ReleasedAt = time.GetUtcNow();
            return true;
        }, cancellation);
        foreach (int shard in shards)
            await SendAsync(open, shard, cancellation);
    }

    private static OpenBatchRow? NextTurn(List<OpenBatchRow> waiting) =>
        waiting.MinBy(open => (open.ReleasedAt ?? DateTimeOffset.MinValue, open.NumReleased));

    /// <returns>Null when another process dispatched its last shard, or the batch has ended.</returns>
    private async Task<OpenBatchRow?> DispatchAsync(OpenBatchRow open, CancellationToken cancellation)
    {
        var update = await batches.Open.UpdateAsync(open.Job, current =>
        {
            if (!current.HasUndispatched)
                return false;
            current.NumReleased++;
            current.ReleasedAt = time.GetUtcNow();
            return true;
        }, cancellation);
        if (!update.Written)
            return null;
        await SendAsync(update.Row!, update.Row!.NumReleased - 1, cancellation);
        return update.Row;
    }

    private Task SendAsync(OpenBatchRow open, int shard, CancellationToken cancellation) =>
        queues.SendShardAsync(open.Profile!, new ShardMessage(open.Job.Tenant, open.Job.RowKey, open.PlanId!, shard), cancellation);
}
