using System.Threading.RateLimiting;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// Lets a few answers of a tenant start at a time in this process, and the others wait in order: each start makes about ten calls to
/// storage, and with a few, a tenant's crowd leaves storage to the starts of others.
/// </summary>
internal sealed class AnswerStarts : IDisposable
{
    /// <summary>Starts of a tenant at a time.</summary>
    public const int AtOnce = 8;

    private readonly PartitionedRateLimiter<string> _starts = PartitionedRateLimiter.Create<string, string>(
        tenant => RateLimitPartition.GetConcurrencyLimiter(tenant, _ => new ConcurrencyLimiterOptions
        {
            PermitLimit = AtOnce,
            QueueLimit = int.MaxValue,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        }),
        StringComparer.Ordinal);

    /// <summary>Waits for a place.</summary>
    /// <returns>The place; dispose it once the answer has started.</returns>
    public async Task<IDisposable> EnterAsync(string tenant, CancellationToken cancellation) =>
        await _starts.AcquireAsync(tenant, permitCount: 1, cancellation);

    public void Dispose() => _starts.Dispose();
}
