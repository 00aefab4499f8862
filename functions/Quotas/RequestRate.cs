using System.Globalization;
using System.Threading.RateLimiting;
using LLaDA.Batch.Functions.Http;

namespace LLaDA.Batch.Functions.Quotas;

/// <summary>
/// Limits the requests of a key in this process, and says in each answer how many are left, under OpenAI's names of headers. A key may send
/// the requests of <see cref="BurstSeconds"/> at once.
/// </summary>
internal sealed class RequestRate(TenantQuotas quotas) : IDisposable
{
    /// <summary>A key that was quiet may send as many requests at once as it may send in this time.</summary>
    public const int BurstSeconds = 5;

    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    private readonly PartitionedRateLimiter<Caller> _buckets = PartitionedRateLimiter.Create<Caller, Caller>(caller =>
        RateLimitPartition.GetTokenBucketLimiter(caller, NewBucket));

    /// <summary>Counts a request.</summary>
    /// <param name="key">The id of its key.</param>
    /// <exception cref="ApiException">429, with the time to wait.</exception>
    public async Task CountAsync(HttpContext context, string key)
    {
        var quota = await quotas.OfAsync(context.Tenant(), context.RequestAborted);
        var caller = new Caller(key, quota.RequestsPerSecond);
        using var lease = _buckets.AttemptAcquire(caller);
        long left = _buckets.GetStatistics(caller)?.CurrentAvailablePermits ?? 0;
        WriteHeaders(context.Response.Headers, caller, left);
        if (lease.IsAcquired)
            return;
        var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var retryAfter) && retryAfter > s_second ? retryAfter : s_second;
        throw ApiException.TooMany(
            $"This key sends more than {caller.PerSecond} requests a second; send fewer, or ask the operator for more",
            "rate_limit_exceeded",
            wait);
    }

    public void Dispose() => _buckets.Dispose();

    private static void WriteHeaders(IHeaderDictionary headers, Caller caller, long left)
    {
        double untilFull = (double)(caller.Burst - left) / caller.PerSecond;
        headers["x-ratelimit-limit-requests"] = Invariant(caller.Burst);
        headers["x-ratelimit-remaining-requests"] = Invariant(left);
        headers["x-ratelimit-reset-requests"] = Invariant($"{untilFull:0.###}s");
    }

    private static TokenBucketRateLimiterOptions NewBucket(Caller caller) => new()
    {
        TokenLimit = caller.Burst,
        TokensPerPeriod = caller.PerSecond,
        ReplenishmentPeriod = s_second,
        QueueLimit = 0,
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string Invariant(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>A key with its limit: another limit begins with a full bucket.</summary>
    private readonly record struct Caller(string Key, int PerSecond)
    {
        public int Burst => PerSecond * BurstSeconds;
    }
}
