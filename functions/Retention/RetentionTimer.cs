using LLaDA.Batch.Functions.Timers;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Deletes data whose time is over, and what interrupted deletions left behind.</summary>
internal sealed class RetentionTimer(IEnumerable<IPurge> purges, RowByRow rows, TimeProvider time)
{
    /// <summary>How often the timer fires.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>The timer's name.</summary>
    internal const string Name = "delete-expired";

    public async Task RunAsync(CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        foreach (var purge in purges)
            await rows.TryAsync(Name, purge.GetType().Name, () => purge.RunAsync(now, cancellation), cancellation);
    }
}
