using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Which large batches are finished now. A tenant has <see cref="MaxLarge"/> of them in work at a time in this process, half of what a host
/// works on, so that the small batches of others do not wait for them. The message of a batch without a place comes back.
/// </summary>
internal sealed class FinishPlaces(TimeProvider time)
{
    /// <summary>Large batches of a tenant that are finished at a time.</summary>
    public const int MaxLarge = 2;

    /// <summary>A batch with more shards is large: each has a part, or needs one.</summary>
    public const int LargeFrom = 64;

    /// <summary>How long a message waits; spread, so that all of a tenant's do not come back at once.</summary>
    private static readonly TimeSpan s_shortestWait = TimeSpan.FromSeconds(5), s_longestWait = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Waiting batches of a tenant for which the wait doubles: each return costs some calls to storage, so about one comes a second.
    /// </summary>
    private const int DoublesEvery = 10;

    private readonly Lock _lock = new();
    private readonly HashSet<JobKey> _inWork = [];
    private readonly Dictionary<JobKey, DateTimeOffset> _waiting = [];

    /// <param name="numShards">A small batch always gets a place, and takes none from others.</param>
    /// <returns>The place, to be disposed at the end; null when the batch has to wait, or is in work.</returns>
    public IDisposable? TryEnter(JobKey batch, int numShards)
    {
        lock (_lock)
        {
            if (numShards <= LargeFrom)
                return new Place(this, batch);
            if (_inWork.Count(other => other.Tenant == batch.Tenant) >= MaxLarge || !_inWork.Add(batch))
                return null;
            _waiting.Remove(batch);
            return new Place(this, batch);
        }
    }

    /// <returns>
    /// When the message is to come back. Null when another message of the batch will: the sweep sends one for a batch that has not moved,
    /// and copies would only wait beside it.
    /// </returns>
    public TimeSpan? Wait(JobKey batch)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            foreach (var (returned, _) in _waiting.Where(entry => entry.Value <= now).ToList())
                _waiting.Remove(returned);
            if (_waiting.ContainsKey(batch))
                return null;
            double numWaiting = _waiting.Keys.Count(other => other.Tenant == batch.Tenant);
            return (s_shortestWait + (Random.Shared.NextDouble() * (s_longestWait - s_shortestWait))) * (1 + (numWaiting / DoublesEvery));
        }
    }

    /// <summary>The message was sent.</summary>
    public void Sent(JobKey batch, TimeSpan wait)
    {
        lock (_lock)
            _waiting[batch] = time.GetUtcNow() + wait;
    }

    private void Leave(JobKey batch)
    {
        lock (_lock)
            _inWork.Remove(batch);
    }

    private sealed class Place(FinishPlaces places, JobKey batch) : IDisposable
    {
        public void Dispose() => places.Leave(batch);
    }
}
