namespace LLaDA.Batch.Functions.Turns;

/// <summary>
/// Who may go on now with the messages of a queue. A tenant whose messages take long has <see cref="MaxSlow"/> in work at a time in this
/// process, half of what a host works on, so that those of others do not wait for it. The message of a tenant without a place goes to the
/// end of the queue.
/// </summary>
internal abstract class TenantPlaces(TimeProvider time)
{
    /// <summary>Messages in work at a time of a tenant whose messages are slow.</summary>
    public const int MaxSlow = 2;

    /// <summary>A message that takes longer is slow.</summary>
    private static readonly TimeSpan s_slow = TimeSpan.FromSeconds(1);

    /// <summary>How long a tenant counts as slow after a slow message.</summary>
    private static readonly TimeSpan s_remembered = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long a message without a place stays away. The messages of a tenant come back one after the other, since each return costs a few
    /// calls to storage whether there is a place or not; where they are too many for that, several at a time.
    /// </summary>
    private static readonly TimeSpan
        s_shortestWait = TimeSpan.FromSeconds(5), s_longestWait = TimeSpan.FromMinutes(5), s_betweenReturns = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Messages> _tenants = [];
    private readonly long _began = time.GetTimestamp();

    /// <summary>Since this process began.</summary>
    private TimeSpan Now => time.GetElapsedTime(_began);

    /// <param name="isLarge">It is known beforehand that the message takes long.</param>
    /// <returns>The place, to be disposed at the end of the message; null when it has to wait.</returns>
    public IDisposable? TryEnter(string tenant, bool isLarge = false)
    {
        lock (_lock)
        {
            var messages = Of(tenant);
            if (messages.InWork.Count >= MaxSlow && (isLarge || IsSlow(messages)))
                return null;
            var place = new Place(this, messages, Now, isLarge);
            messages.InWork.Add(place);
            return place;
        }
    }

    /// <summary>How long a message that got no place waits until its next try.</summary>
    public TimeSpan Wait(string tenant)
    {
        lock (_lock)
        {
            var (messages, now) = (Of(tenant), Now);
            var (earliest, latest) = (now + s_shortestWait, now + s_longestWait);
            var next = messages.Returns + s_betweenReturns ?? earliest;
            messages.Returns = next < earliest || next > latest ? earliest : next;
            return messages.Returns.Value - now;
        }
    }

    /// <summary>Call it under the lock. Forgets the tenants without messages.</summary>
    private Messages Of(string tenant)
    {
        foreach (var (idle, _) in _tenants.Where(entry => entry.Value.InWork.Count == 0 && !IsSlow(entry.Value)).ToList())
            _tenants.Remove(idle);
        if (!_tenants.TryGetValue(tenant, out var messages))
            _tenants[tenant] = messages = new Messages();
        return messages;
    }

    private bool IsSlow(Messages messages) =>
        (messages.SlowAt is { } at && Now - at < s_remembered) || messages.InWork.Exists(IsSlow);

    private bool IsSlow(Place place) => place.IsLarge || Now - place.Started > s_slow;

    private void Leave(Messages messages, Place place)
    {
        lock (_lock)
        {
            messages.InWork.Remove(place);
            if (Now - place.Started > s_slow)
                messages.SlowAt = Now;
        }
    }

    /// <summary>The messages of a tenant.</summary>
    private sealed class Messages
    {
        public List<Place> InWork { get; } = [];

        /// <summary>The end of the last slow one.</summary>
        public TimeSpan? SlowAt { get; set; }

        /// <summary>When the last of those without a place comes back.</summary>
        public TimeSpan? Returns { get; set; }
    }

    private sealed class Place(TenantPlaces places, Messages messages, TimeSpan started, bool isLarge) : IDisposable
    {
        public TimeSpan Started => started;

        public bool IsLarge => isLarge;

        public void Dispose() => places.Leave(messages, this);
    }
}
