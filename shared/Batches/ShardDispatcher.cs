using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>
/// Sends shards to their queue, at most about <see cref="MaxWork"/> of a tenant at a time, so that a tenant with many batches does not
/// delay the others. The batches of a tenant take turns (<see cref="BatchTurns"/>).
/// </summary>
public sealed class ShardDispatcher(StorageAccount storage, BatchStore batches, WorkQueues queues, TimeProvider time)
{
    /// <summary>
    /// Shards of a tenant that are queued or running, and so the most workers that it can keep busy: at least so many however long they
    /// take, and at most so many however short they are.
    /// </summary>
    public const int MinInFlight = 8, MaxInFlight = 256;

    /// <summary>Work of a tenant that is queued or running, by the estimate of its plans.</summary>
    public static readonly TimeSpan MaxWork = TimeSpan.FromMinutes(32);

    /// <summary>How many shards of equal length are in flight.</summary>
    /// <param name="seconds">Work of each.</param>
    public static int InFlight(double seconds) => (int)Math.Clamp(MaxWork.TotalSeconds / seconds, MinInFlight, MaxInFlight);

    /// <summary>Dispatches as many shards as the tenant has room for. Counts the parts that exist, so it corrects earlier errors.</summary>
    public async Task FillWindowAsync(string tenant, CancellationToken cancellation)
    {
        int inFlight = 0;
        double seconds = 0;
        List<OpenBatchRow> waiting = [];
        await foreach (var open in batches.Open.ListAsync(tenant, cancellation))
        {
            if (open.NumReleased > 0)
            {
                var blobs = new BatchBlobs(storage, open.Job);
                int unfinished = open.NumReleased - await blobs.Parts.CountAsync(cancellation, before: open.NumReleased);
                inFlight += unfinished;
                seconds += unfinished * open.SecondsOfShard;
            }
            if (open.HasUndispatched)
                waiting.Add(open);
        }
        while (BatchTurns.Next(waiting, time.GetUtcNow()) is { } next && HasRoom(inFlight, seconds + next.SecondsOfShard))
        {
            waiting.Remove(next);
            if (await DispatchAsync(next, cancellation) is not { } dispatched)
                continue;
            inFlight++;
            seconds += next.SecondsOfShard;
            if (dispatched.HasUndispatched)
                waiting.Add(dispatched);
        }
    }

    /// <summary>Dispatches the tenant's next shard in place of a finished one. Where their times differ, it fills the window.</summary>
    /// <param name="finished">The batch of the finished shard.</param>
    public async Task DispatchNextAsync(JobKey finished, CancellationToken cancellation)
    {
        List<OpenBatchRow> waiting = [];
        double seconds = OpenBatchRow.UsualSeconds;
        await foreach (var open in batches.Open.ListAsync(finished.Tenant, cancellation))
        {
            if (open.Job == finished)
                seconds = open.SecondsOfShard;
            if (open.HasUndispatched)
                waiting.Add(open);
        }
        while (BatchTurns.Next(waiting, time.GetUtcNow()) is { } next)
        {
            if (next.SecondsOfShard > 2 * seconds || seconds > 2 * next.SecondsOfShard)
            {
                await FillWindowAsync(finished.Tenant, cancellation);
                return;
            }
            if (await DispatchAsync(next, cancellation) is not null)
                return;
            waiting.Remove(next);
        }
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

    /// <param name="seconds">Work in flight together with the next shard.</param>
    private static bool HasRoom(int inFlight, double seconds) =>
        inFlight < MinInFlight || (inFlight < MaxInFlight && seconds <= MaxWork.TotalSeconds);

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

    private Task SendAsync(OpenBatchRow open, int shard, CancellationToken cancellation)
    {
        bool isAhead = open.WeightAt(time.GetUtcNow()) >= BatchTurns.WeightAhead;
        var message = new ShardMessage(open.Job.Tenant, open.Job.RowKey, open.PlanId!, shard) { IsAhead = isAhead };
        return queues.SendShardAsync(open.Profile!, message, cancellation);
    }
}
