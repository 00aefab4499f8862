using LLaDA.Batch.Shared.Queues;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>Cancels a batch; finished lines are kept. Shards that are running get a grace period to write their finished lines.</summary>
public sealed class BatchCancellation(BatchStore batches, WorkQueues queues, TimeProvider time)
{
    /// <summary>Idempotent.</summary>
    /// <returns>
    /// The batch as it is now, <see cref="BatchStatus.Cancelling"/> unless its state does not allow that; null when it does not exist any
    /// more.
    /// </returns>
    public async Task<BatchRecord?> RunAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var update = await batches.UpdateAsync(batch, current => current.TryCancel(time.GetUtcNow()), cancellation);
        if (update.Written)
            await queues.SendFinishAsync(batch.Key, BatchTimes.CancelGrace, cancellation);
        return update.Row;
    }
}
