using System.Collections.Concurrent;
using Polly;
using Polly.CircuitBreaker;

namespace LLaDA.Batch.Functions.Remote;

/// <summary>
/// A circuit breaker for each host that clients name. After a few failures without a success no call is made for a while: calls end at once
/// with <see cref="BrokenCircuitException"/>, so a host that does not answer takes little time of this process.
/// </summary>
internal sealed class HostBreakers(TimeProvider time)
{
    /// <summary>Failures after which a host is left alone.</summary>
    public const int MaxFailures = 3;

    /// <summary>Clients can name any number of hosts; beyond this the failures of all are forgotten.</summary>
    private const int MaxHosts = 10_000;

    /// <summary>How long a host is left alone, before one call tries it again.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan s_remembered = TimeSpan.FromMinutes(2);

    private readonly ConcurrentDictionary<string, ResiliencePipeline> _hosts = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="host">Its name, with whatever else separates callers that must not share it.</param>
    /// <returns>Counts every exception as a failure but a cancellation.</returns>
    public ResiliencePipeline Of(string host)
    {
        if (_hosts.Count >= MaxHosts)
            _hosts.Clear();
        return _hosts.GetOrAdd(host, _ => NewBreaker());
    }

    private ResiliencePipeline NewBreaker() => new ResiliencePipelineBuilder { TimeProvider = time }
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions
        {
            FailureRatio = 1,
            MinimumThroughput = MaxFailures,
            SamplingDuration = s_remembered,
            BreakDuration = Pause,
        })
        .Build();
}
