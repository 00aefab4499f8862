namespace LLaDA.Batch.Worker.Jobs;

/// <summary>
/// A job's time on this worker: it is over once it has lasted for a slice, has got something done, and others wait. It is then looked for
/// every few seconds, since others may come at any time.
/// </summary>
internal sealed class Slice : IAsyncDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(3);

    private readonly JobWatch _watch;

    /// <param name="duration">Of a slice.</param>
    /// <param name="isWorthwhile">Whether something is done that the next owner need not do again: without that a job would never
    /// end.</param>
    /// <param name="areOthersWaiting">Queries storage; if it throws, no one waits.</param>
    public Slice(
        TimeSpan duration, Func<bool> isWorthwhile, Func<CancellationToken, Task<bool>> areOthersWaiting, TimeProvider time)
    {
        long started = time.GetTimestamp();
        _watch = new JobWatch(
            async stop => time.GetElapsedTime(started) < duration || !isWorthwhile() || !await areOthersWaiting(stop), s_interval, time);
    }

    /// <summary>Cancelled once it is over.</summary>
    public CancellationToken Over => _watch.Unwanted;

    public ValueTask DisposeAsync() => _watch.DisposeAsync();
}
