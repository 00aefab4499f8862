using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Looks for dispatched shards of a batch that no worker has: their messages are sent again, and the lines of a shard whose blob is lost
/// are answered with an error. A plan whose blob is lost is rebuilt first: workers drop the messages of a batch without one.
/// </summary>
internal sealed partial class StalledShards(
    StorageAccount storage,
    BatchPlans plans,
    ShardDispatcher dispatcher,
    MissingParts missing,
    WorkQueues queues,
    ILogger<StalledShards> logger)
{
    /// <returns>Whether every shard has its part.</returns>
    public async Task<bool> CheckAsync(OpenBatchRow open, BatchRecord batch, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        var parts = await blobs.Parts.ListAsync(cancellation);
        if (parts.Count == open.NumShards)
            return true;
        string queue = StorageNames.GenerateQueue(open.Profile!);
        int[] waiting = [.. Enumerable.Range(0, open.NumReleased).Where(shard => !parts.ContainsKey(shard))];
        if (waiting.Length == 0 || !await queues.HasDrainedAsync(queue, open.ReleasedAt!.Value, cancellation))
            return false;
        if (await plans.FindAsync(batch, cancellation) is not { } plan)
            return false;
        await SettledShards.AnswerAsync(blobs, plan, waiting, cancellation);
        List<int> unsent = [], lost = [];
        foreach (int shard in waiting)
        {
            bool? isLeased = await blobs.Shards.FindLeaseAsync(open.PlanId!, shard, cancellation);
            if (isLeased is null && await blobs.Shards.FindAsync(open.PlanId!, shard, cancellation) is null)
                lost.Add(shard);    // looked for twice
            else if (isLeased != true && !plan.Shards[shard].IsRefused)
                unsent.Add(shard);
        }
        if (unsent.Count > 0)
        {
            LogResent(logger, batch.Id, queue);
            await dispatcher.DispatchAgainAsync(open, unsent, cancellation);
        }
        if (lost.Count == 0)
            return false;
        LogLost(logger, batch.Id, lost.Count);
        await missing.WriteAsync(batch, plan, lost, NotRunReason.Lost, cancellation);
        return parts.Count + lost.Count == plan.Shards.Count;
    }

    [LoggerMessage(EventId = 221, Level = LogLevel.Warning, Message = "{Batch} has not moved for a while; sent to queue {Queue} again")]
    private static partial void LogResent(ILogger logger, string batch, string queue);

    [LoggerMessage(EventId = 222, Level = LogLevel.Error, Message = "{Batch} lost {Count} shards; their lines are answered with an error")]
    private static partial void LogLost(ILogger logger, string batch, int count);
}
