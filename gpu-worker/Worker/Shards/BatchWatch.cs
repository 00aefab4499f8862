using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Worker.Jobs;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>Polls whether a batch is still wanted while one of its shards is in work.</summary>
internal sealed class BatchWatch : IAsyncDisposable
{
    private readonly JobWatch _watch;

    public BatchWatch(BatchStore batches, BatchRecord batch, TimeProvider time) =>
        _watch = new JobWatch(stop => IsWantedAsync(batches, batch, time, stop), BatchTimes.CancelCheckInterval, time);

    /// <summary>Cancelled when the batch was cancelled, has expired or was deleted.</summary>
    public CancellationToken Unwanted => _watch.Unwanted;

    /// <summary>Why, once <see cref="Unwanted"/> is cancelled.</summary>
    public NotRunReason Reason { get; private set; } = NotRunReason.Cancelled;

    public ValueTask DisposeAsync() => _watch.DisposeAsync();

    private async Task<bool> IsWantedAsync(BatchStore batches, BatchRecord batch, TimeProvider time, CancellationToken cancellation)
    {
        if (time.GetUtcNow() >= batch.ExpiresAt)
        {
            Reason = NotRunReason.Expired;
            return false;
        }
        return await batches.FindAsync(batch.Key, cancellation) is { Status: BatchStatus.InProgress };
    }
}
