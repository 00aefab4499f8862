namespace LLaDA.Batch.Worker.Device;

/// <summary>
/// Work items of several parties, of which the party that has had the least time for its weight is next. Items of one party run in order. A
/// party that was idle begins at the time of the others, so that it has nothing to make up for. Not safe for use by several threads.
/// </summary>
internal sealed class TurnQueue
{
    private readonly Dictionary<object, Party> _parties = [];
    private double _now;

    public bool IsEmpty => !_parties.Values.Any(party => party.Items.Count > 0);

    public void Add(object party, Turn item)
    {
        if (!_parties.TryGetValue(party, out var entry))
        {
            foreach (var (idle, _) in _parties.Where(known => known.Value.Items.Count == 0 && known.Value.Used <= _now).ToList())
                _parties.Remove(idle);
            _parties[party] = entry = new Party { Used = _now };
        }
        if (entry.Items.Count == 0)
            entry.Used = Math.Max(entry.Used, _now);
        entry.Items.Enqueue(item);
    }

    /// <summary>Removes the next item; call it when there is one.</summary>
    public (object Party, Turn Item) Take()
    {
        var (name, party) = _parties.Where(entry => entry.Value.Items.Count > 0).MinBy(entry => entry.Value.Used);
        _now = party.Used;
        return (name, party.Items.Dequeue());
    }

    /// <summary>Charges a party for the time of its last item.</summary>
    /// <param name="weight">Its share of the time, 1 or more.</param>
    public void Charge(object party, TimeSpan time, int weight)
    {
        if (_parties.TryGetValue(party, out var entry))
            entry.Used += time.TotalSeconds / weight;
    }

    private sealed class Party
    {
        public Queue<Turn> Items { get; } = [];

        /// <summary>Seconds it has had, for its weight.</summary>
        public double Used { get; set; }
    }
}

/// <summary>A work item of the tensor thread.</summary>
/// <param name="Run">Returns whether to queue it again; never throws.</param>
/// <param name="End">Ends it without running it: no thread will.</param>
internal sealed record Turn(Func<bool> Run, Action End, Func<int> Weight);
