using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Refuses new batches while a tenant has too many, or the service cannot keep up with planning them.</summary>
/// <remarks>Counted, not reserved: concurrent requests may pass a limit by their number.</remarks>
internal sealed class BatchQuota(BatchStore batches, FileQuota files, WorkQueues queues, ServiceLimits limits)
{
    private static readonly TimeSpan s_untilBatchEnds = TimeSpan.FromSeconds(60), s_untilBatchesArePlanned = TimeSpan.FromSeconds(10);

    /// <exception cref="ApiException">429, with the time to wait, or 400 where there is no room for result files.</exception>
    public async Task RequireRoomAsync(string tenant, long inputBytes, CancellationToken cancellation)
    {
        await files.RequireRoomAsync(tenant, cancellation);
        int count = 0;
        long bytes = inputBytes;
        await foreach (var open in batches.Open.ListAsync(tenant, cancellation))
        {
            count++;
            bytes += open.InputBytes;
        }
        if (count >= limits.MaxActiveBatches)
        {
            throw ApiException.TooMany(
                $"You have {count} batches that have not ended; at most {limits.MaxActiveBatches} are allowed",
                "rate_limit_exceeded",
                s_untilBatchEnds);
        }
        if (count > 0 && bytes > limits.MaxActiveBytes)
        {
            throw ApiException.TooMany(
                $"With this batch the inputs of your unfinished batches have {bytes} bytes; at most {limits.MaxActiveBytes} are allowed",
                "token_limit_exceeded",
                s_untilBatchEnds);
        }
        if (await queues.CountAsync(StorageNames.PlanQueue, cancellation) >= limits.MaxQueuedPlans)
            throw ApiException.TooMany("Too many batches wait to be planned", "server_overloaded", s_untilBatchesArePlanned);
    }
}
