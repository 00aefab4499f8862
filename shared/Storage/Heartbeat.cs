namespace LLaDA.Batch.Shared.Storage;

/// <summary>Says again and again that a piece of work is being done, so that a sweep does not send it once more while it takes its time.</summary>
public sealed class Heartbeat : IAsyncDisposable
{
    /// <summary>Several of them fit the time after which a sweep takes work for forgotten.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _ended = new();
    private readonly Task _giving;

    /// <summary>Gives the first sign after an interval.</summary>
    public Heartbeat(Func<CancellationToken, Task> give, TimeProvider time) => _giving = GiveAsync(give, time);

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _giving;
        _ended.Dispose();
    }

    private async Task GiveAsync(Func<CancellationToken, Task> give, TimeProvider time)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (!_ended.IsCancellationRequested)
        {
            try
            {
                if (await timer.WaitForNextTickAsync(_ended.Token))
                    await give(_ended.Token);
            }
            catch (OperationCanceledException) when (_ended.IsCancellationRequested)
            {
                return;
            }
            catch (Exception)
            {
                // Storage does not answer: the work itself finds out, and the next sign may come through.
            }
        }
    }
}
