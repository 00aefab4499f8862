namespace LLaDA.Batch.Worker.Training;

/// <summary>How long this worker has trained for each tenant, for as long as that counts.</summary>
/// <remarks>
/// What a tenant may be behind is bounded by a slice: one that had nothing to train does not save up time.
/// </remarks>
/// <param name="slice">At most this is a tenant behind another.</param>
internal sealed class TrainingTimes(TimeSpan slice)
{
    private readonly Dictionary<string, TimeSpan> _times = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>Adds the time of a run that ends.</summary>
    public void Add(string tenant, TimeSpan elapsed)
    {
        lock (_lock)
        {
            _times[tenant] = TimeOf(tenant) + elapsed;
            var floor = Floor();
            foreach (string behind in _times.Where(entry => entry.Value <= floor).Select(entry => entry.Key).ToList())
                _times.Remove(behind);
        }
    }

    /// <summary>By how much more this worker has trained for a tenant than for another, at most a slice.</summary>
    /// <param name="running">The time of the tenant's run in progress.</param>
    public TimeSpan Lead(string tenant, TimeSpan running, string other)
    {
        lock (_lock)
        {
            var lead = TimeOf(tenant) + running - TimeOf(other);
            return lead < slice ? lead : slice;
        }
    }

    private TimeSpan TimeOf(string tenant) => _times.TryGetValue(tenant, out var time) ? time : Floor();

    /// <summary>The time of a tenant that is not kept.</summary>
    private TimeSpan Floor() =>
        _times.Values.DefaultIfEmpty().Max() - slice is var floor && floor > TimeSpan.Zero ? floor : TimeSpan.Zero;
}
