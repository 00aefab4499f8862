using System.Collections.Concurrent;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// Limits the answers of a tenant that are in work. They are counted from their rows, so nothing can leak. A count is kept for a moment,
/// with what this process starts and ends meanwhile, so that refusing a crowd costs no listing for each request.
/// </summary>
/// <remarks>
/// Counted, not reserved: requests at the same moment, also of other processes, may pass the limit by their number. A request that is
/// refused for another reason counts until the next count.
/// </remarks>
internal sealed class AnswerRoom(BatchStore batches, ServiceLimits limits, TimeProvider time)
{
    private static readonly TimeSpan s_kept = TimeSpan.FromSeconds(1), s_untilAnswered = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, Kept> _counts = new(StringComparer.Ordinal);

    /// <summary>Counts an answer that is about to start. Returns or throws at once where the count is kept.</summary>
    /// <exception cref="ApiException">429, with the time to wait.</exception>
    public async Task EnterAsync(string tenant, CancellationToken cancellation)
    {
        var kept = _counts.GetValueOrDefault(tenant);
        if (kept is null || time.GetElapsedTime(kept.CountedAt) > s_kept)
        {
            int counted = await batches.OpenAnswers.ListAsync(tenant, cancellation).CountAsync(cancellation);
            kept = _counts[tenant] = new Kept(counted, time.GetTimestamp());
        }
        if (kept.TryEnter(limits.MaxActiveAnswers))
            return;
        throw ApiException.TooMany(
            $"You have {kept.Count} answers in work; at most {limits.MaxActiveAnswers} are allowed. Send many requests as a batch",
            "rate_limit_exceeded",
            s_untilAnswered);
    }

    /// <summary>An answer has ended, perhaps one that another process started.</summary>
    public void Leave(string tenant) => _counts.GetValueOrDefault(tenant)?.Leave();

    private sealed class Kept(int counted, long countedAt)
    {
        private int _count = counted;

        public long CountedAt => countedAt;

        public int Count => Volatile.Read(ref _count);

        public bool TryEnter(int limit)
        {
            if (Interlocked.Increment(ref _count) <= limit)
                return true;
            Leave();
            return false;
        }

        public void Leave() => Interlocked.Decrement(ref _count);
    }
}
