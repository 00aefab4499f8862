using System.Threading.RateLimiting;
using LLaDA.Batch.Functions.Http;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// Lets some answers of a tenant be in work at a time in this process, of those that a request waits for, and the others wait in order
/// before anything is written. So a tenant's crowd never fills the places of a worker, and another tenant's message finds one free.
/// </summary>
/// <remarks>Answers that no request waits for (<c>respond-async</c>) are written at once and are not counted here.</remarks>
internal sealed class AnswersInWork : IDisposable
{
    /// <summary>Of a tenant; fewer than the places of a worker for answers, which are 64 by default.</summary>
    public const int MostInWork = 32;

    private static readonly TimeSpan s_untilAnswered = TimeSpan.FromSeconds(2);

    private readonly PartitionedRateLimiter<string> _places;
    private readonly TimeProvider _time;

    public AnswersInWork(ServiceLimits limits, TimeProvider time)
    {
        int atOnce = Math.Min(MostInWork, limits.MaxActiveAnswers);
        _time = time;
        _places = PartitionedRateLimiter.Create<string, string>(
            tenant => RateLimitPartition.GetConcurrencyLimiter(tenant, _ => new ConcurrencyLimiterOptions
            {
                PermitLimit = atOnce,
                QueueLimit = limits.MaxActiveAnswers - atOnce,
                QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
            }),
            StringComparer.Ordinal);
    }

    /// <summary>Waits for a place.</summary>
    /// <param name="patience">How long the request waits for its answer.</param>
    /// <returns>The place; dispose it once the request has its answer.</returns>
    /// <exception cref="ApiException">429: too many wait already, or no place came free in time. Nothing has begun.</exception>
    public async Task<IDisposable> EnterAsync(string tenant, TimeSpan patience, CancellationToken cancellation)
    {
        var place = _places.AttemptAcquire(tenant);
        if (!place.IsAcquired && patience > TimeSpan.Zero)
            place = await WaitAsync(tenant, patience, cancellation);
        if (place is { IsAcquired: true })
            return place;
        throw ApiException.TooMany(
            $"You have {MostInWork} answers in work and others that wait for them. Send many requests as a batch",
            "rate_limit_exceeded",
            s_untilAnswered);
    }

    public void Dispose() => _places.Dispose();

    /// <returns>Null when the time is over.</returns>
    private async Task<RateLimitLease?> WaitAsync(string tenant, TimeSpan patience, CancellationToken cancellation)
    {
        using var over = new CancellationTokenSource(patience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellation);
        try
        {
            return await _places.AcquireAsync(tenant, permitCount: 1, either.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return null;
        }
    }
}
