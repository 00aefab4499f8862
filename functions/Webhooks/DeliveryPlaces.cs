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

    /// <summary>
    /// How long a message without a place stays away. The messages of a tenant come back one after the other, about as fast as its
    /// deliveries end; where they are too many for that, several at a time.
    /// </summary>
    private static readonly TimeSpan
        s_shortestWait = TimeSpan.FromSeconds(5), s_longestWait = TimeSpan.FromMinutes(5), s_leastBetween = TimeSpan.FromMilliseconds(50);

    /// <summary>Deliveries over which the time of one is averaged.</summary>
    private const int NumAveraged = 8;

    private readonly Lock _lock = new();
    private readonly long _began = time.GetTimestamp();
    private readonly Dictionary<string, Deliveries> _tenants = [];

    /// <summary>Since this process began.</summary>
    private TimeSpan Now => time.GetElapsedTime(_began);

    /// <returns>The place, to be disposed at the end of the delivery; null when the delivery has to wait.</returns>
    public DeliveryPlace? TryEnter(string tenant)
    {
        lock (_lock)
        {
            var deliveries = Of(tenant);
            if (deliveries.InWork.Count >= MaxSlow && IsSlow(deliveries))
                return null;
            var place = new DeliveryPlace(Now, ended => Leave(deliveries, ended), () => Now);
            deliveries.InWork.Add(place);
            return place;
        }
    }

    /// <summary>How long a message that got no place waits until its next try.</summary>
    public TimeSpan Wait(string tenant)
    {
        lock (_lock)
        {
            var (deliveries, now) = (Of(tenant), Now);
            var (earliest, latest) = (now + s_shortestWait, now + s_longestWait);
            var between = deliveries.Average / MaxSlow;
            var next = deliveries.LastReturn + (between > s_leastBetween ? between : s_leastBetween) ?? earliest;
            deliveries.LastReturn = next < earliest || next > latest ? earliest : next;
            return deliveries.LastReturn.Value - now;
        }
    }

    /// <summary>Call it under the lock. Forgets the tenants that deliver nothing.</summary>
    private Deliveries Of(string tenant)
    {
        foreach (var (idle, _) in _tenants.Where(entry => entry.Value.InWork.Count == 0 && !IsSlow(entry.Value)).ToList())
            _tenants.Remove(idle);
        if (!_tenants.TryGetValue(tenant, out var deliveries))
            _tenants[tenant] = deliveries = new Deliveries();
        return deliveries;
    }

    private bool IsSlow(Deliveries deliveries) =>
        (deliveries.SlowAt is { } at && Now - at < s_remembered)
        || deliveries.InWork.Exists(place => Now - place.Started > s_slow);

    private void Leave(Deliveries deliveries, DeliveryPlace place)
    {
        lock (_lock)
        {
            deliveries.InWork.Remove(place);
            var lasted = Now - place.Started;
            deliveries.Average += (lasted - deliveries.Average) / NumAveraged;
            if (lasted > s_slow)
                deliveries.SlowAt = Now;
        }
    }

    /// <summary>The deliveries of a tenant.</summary>
    private sealed class Deliveries
    {
        public List<DeliveryPlace> InWork { get; } = [];

        /// <summary>The end of the last slow one.</summary>
        public TimeSpan? SlowAt { get; set; }

        /// <summary>How long one takes.</summary>
        public TimeSpan Average { get; set; } = s_slow;

        /// <summary>When the last of the messages without a place comes back.</summary>
        public TimeSpan? LastReturn { get; set; }
    }
}
