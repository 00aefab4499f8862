namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>
/// Who may deliver now. A tenant whose endpoints answer late or never has <see cref="MaxSlow"/> deliveries at a time in this process, half
/// of what a host works on, so that the events of others do not wait for its endpoints.
/// </summary>
internal sealed class DeliveryPlaces(TimeProvider time)
{
    /// <summary>Deliveries at a time of a tenant whose endpoints are slow.</summary>
    public const int MaxSlow = 2;

    /// <summary>A delivery that takes longer is slow.</summary>
    private static readonly TimeSpan s_slow = TimeSpan.FromSeconds(1);

    /// <summary>How long a tenant counts as slow after a slow delivery.</summary>
    private static readonly TimeSpan s_remembered = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Deliveries> _tenants = [];

    /// <returns>The place, to be disposed at the end of the delivery; null when the delivery has to wait.</returns>
    public IDisposable? TryEnter(string tenant)
    {
        lock (_lock)
        {
            foreach (var (idle, _) in _tenants.Where(entry => entry.Value.Started.Count == 0 && !IsSlow(entry.Value)).ToList())
                _tenants.Remove(idle);
            if (!_tenants.TryGetValue(tenant, out var deliveries))
                _tenants[tenant] = deliveries = new Deliveries();
            if (deliveries.Started.Count >= MaxSlow && IsSlow(deliveries))
                return null;
            long started = time.GetTimestamp();
            deliveries.Started.Add(started);
            return new Place(this, deliveries, started);
        }
    }

    private bool IsSlow(Deliveries deliveries) =>
        (deliveries.SlowAt is { } at && time.GetElapsedTime(at) < s_remembered)
        || deliveries.Started.Exists(started => time.GetElapsedTime(started) > s_slow);

    private void Leave(Deliveries deliveries, long started)
    {
        lock (_lock)
        {
            deliveries.Started.Remove(started);
            if (time.GetElapsedTime(started) > s_slow)
                deliveries.SlowAt = time.GetTimestamp();
        }
    }

    /// <summary>The deliveries of a tenant.</summary>
    private sealed class Deliveries
    {
        /// <summary>Timestamps of those in work.</summary>
        public List<long> Started { get; } = [];

        /// <summary>The timestamp of the end of the last slow one.</summary>
        public long? SlowAt { get; set; }
    }

    private sealed class Place(DeliveryPlaces places, Deliveries deliveries, long started) : IDisposable
    {
        public void Dispose() => places.Leave(deliveries, started);
    }
}
