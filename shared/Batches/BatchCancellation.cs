using LLaDA.Batch.Shared.Queues;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>Asks for a batch's end; finished lines are kept. Shards in work get a moment to write what they have.</summary>
public sealed class BatchCancellation(BatchStore batches, WorkQueues queues, TimeProvider time)
{
    /// <returns>The batch as it is now, <see cref="BatchStatus.Cancelling"/> unless its state does not allow it; null when it is gone. Asking twice is asking once.</returns>
    public async Task<BatchRecord?> RunAsync(BatchRecord batch, CancellationToken cancellation)
    {
        bool isNew = false;
        var updated = await batches.UpdateAsync(batch, current =>
        {
            isNew = current.Status is BatchStatus.Validating or BatchStatus.InProgress;
            if (!isNew)
                return false;
            current.Status = BatchStatus.Cancelling;
            current.CancellingAt = time.GetUtcNow();
            return true;
        }, cancellation);
        if (isNew)
            await queues.SendFinishAsync(batch.Tenant, batch.RowKey, BatchTimes.CancelGrace, cancellation);
        return updated;
    }
}
