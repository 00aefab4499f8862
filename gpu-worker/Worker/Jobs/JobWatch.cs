namespace LLaDA.Batch.Worker.Jobs;

/// <summary>Polls whether a job is still wanted, until it is disposed.</summary>
internal sealed class JobWatch : IAsyncDisposable
{
    private readonly CancellationTokenSource _unwanted = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _watching;

    /// <param name="isWanted">Queries storage; if it throws, the job counts as wanted until the next query.</param>
    public JobWatch(Func<CancellationToken, Task<bool>> isWanted, TimeSpan interval, TimeProvider time) =>
        _watching = WatchAsync(isWanted, interval, time);

    /// <summary>Cancelled once the job is no longer wanted.</summary>
    public CancellationToken Unwanted => _unwanted.Token;

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _watching;
        _unwanted.Dispose();
        _ended.Dispose();
    }

    private async Task WatchAsync(Func<CancellationToken, Task<bool>> isWanted, TimeSpan interval, TimeProvider time)
    {
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_ended.Token))
            {
                if (await IsWantedAsync(isWanted))
                    continue;
                await _unwanted.CancelAsync();
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // The watch was disposed.
        }
    }

    private async Task<bool> IsWantedAsync(Func<CancellationToken, Task<bool>> isWanted)
    {
        try
        {
            return await isWanted(_ended.Token);
        }
        catch (Exception failure) when (!(failure is OperationCanceledException && _ended.IsCancellationRequested))
        {
            return true;    // storage does not answer: ask again at the next tick
        }
    }
}
