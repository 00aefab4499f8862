namespace LLaDA.Batch.Shared.Storage;

/// <summary>Touches the job's row periodically so the sweep does not requeue work that is still running.</summary>
public sealed class Heartbeat : IAsyncDisposable
{
    /// <summary>A third of the time after which a sweep regards work as stalled.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _ended = new();
    private readonly Task _beating;

    /// <summary>Beats for the first time after one interval.</summary>
    /// <param name="touch">Touches the row; its failures are ignored.</param>
    public Heartbeat(Func<CancellationToken, Task> touch, TimeProvider time) => _beating = BeatAsync(touch, time);

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _beating;
        _ended.Dispose();
    }

    private async Task BeatAsync(Func<CancellationToken, Task> touch, TimeProvider time)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (!_ended.IsCancellationRequested)
        {
            try
            {
                if (await timer.WaitForNextTickAsync(_ended.Token))
                    await touch(_ended.Token);
            }
            catch (OperationCanceledException) when (_ended.IsCancellationRequested)
            {
                return;
            }
            catch (Exception)
            {
                // Storage does not answer: the work itself meets the same failure, and the next beat may succeed.
            }
        }
    }
}
