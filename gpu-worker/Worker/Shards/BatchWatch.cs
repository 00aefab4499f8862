using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>Looks every few seconds whether a batch is still wanted.</summary>
internal sealed class BatchWatch : IAsyncDisposable
{
    private readonly CancellationTokenSource _unwanted = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _watching;

    public BatchWatch(BatchStore batches, BatchRecord batch, TimeProvider time) => _watching = WatchAsync(batches, batch, time);

    /// <summary>Cancelled when the batch was cancelled, has expired or is gone.</summary>
    public CancellationToken Unwanted => _unwanted.Token;

    /// <summary>Why, once <see cref="Unwanted"/> is cancelled.</summary>
    public NotRunReason Reason { get; private set; } = NotRunReason.Cancelled;

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _watching;
        _unwanted.Dispose();
        _ended.Dispose();
    }

    private async Task WatchAsync(BatchStore batches, BatchRecord batch, TimeProvider time)
    {
        using var timer = new PeriodicTimer(BatchTimes.CancelCheckInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_ended.Token))
            {
                if (await IsWantedAsync(batches, batch, time))
                    continue;
                await _unwanted.CancelAsync();
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // The shard is done.
        }
    }

    private async Task<bool> IsWantedAsync(BatchStore batches, BatchRecord batch, TimeProvider time)
    {
        if (time.GetUtcNow() >= batch.ExpiresAt)
        {
            Reason = NotRunReason.Expired;
            return false;
        }
        try
        {
            return await batches.FindAsync(batch.Key, _ended.Token) is { Status: BatchStatus.InProgress };
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            return true;    // storage does not answer: look again
        }
    }
}
