namespace LLaDA.Batch.Functions.Retention;

/// <summary>Deletes data whose time is over, and what interrupted deletions left behind.</summary>
internal sealed class RetentionTimer(IEnumerable<IPurge> purges, TimeProvider time)
{
    /// <summary>How often the timer fires.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    public async Task RunAsync(CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        foreach (var purge in purges)
            await purge.RunAsync(now, cancellation);
    }
}
