namespace LLaDA.Batch.Shared.Queues;

/// <summary>Whose messages a consumer has in process.</summary>
/// <param name="places">Messages in process from which on it is full.</param>
internal sealed class PartiesInHand(int places)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _counts = [];

    public bool IsFull
    {
        get
        {
            lock (_lock)
                return _counts.Values.Sum() >= places;
        }
    }

    public bool Has(string party)
    {
        lock (_lock)
            return _counts.ContainsKey(party);
    }

    /// <returns>Dispose it at the end of the message.</returns>
    public IDisposable Enter(string party)
    {
        lock (_lock)
            _counts[party] = _counts.GetValueOrDefault(party) + 1;
        return new Message(this, party);
    }

    private void Leave(string party)
    {
        lock (_lock)
        {
            if (--_counts[party] == 0)
                _counts.Remove(party);
        }
    }

    private sealed class Message(PartiesInHand parties, string party) : IDisposable
    {
        public void Dispose() => parties.Leave(party);
    }
}
