namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// Items of several parties that share a budget in each round: all of them as long as they fit, else the parties get equal shares. Items of
/// one party are taken in the order in which they were added. Not safe for use by several threads at once.
/// </summary>
/// <param name="sizeOf">The size of an item, the same at every call.</param>
internal sealed class PartyTurns<T>(Func<T, int> sizeOf)
{
    private readonly List<Party> _parties = [];

    public bool IsEmpty => _parties.Count == 0;

    /// <summary>Parties that have items.</summary>
    public int NumParties => _parties.Count;

    public IEnumerable<T> Items => _parties.SelectMany(party => party.Items);

    public void Add(string party, T item)
    {
        var entry = _parties.Find(entry => entry.Name == party);
        if (entry is null)
            _parties.Add(entry = new Party(party));
        entry.Items.Add(item);
    }

    /// <param name="isEnded">Asked once of each item, since an item may end at any time.</param>
    /// <returns>The items that were removed.</returns>
    public IReadOnlyList<T> Remove(Predicate<T> isEnded)
    {
        HashSet<T> removed = [.. Items.Where(item => isEnded(item))];
        if (removed.Count == 0)
            return [];
        foreach (var party in _parties)
            party.Items.RemoveAll(removed.Contains);
        _parties.RemoveAll(party => party.Items.Count == 0);
        return [.. removed];
    }

    public void Clear() => _parties.Clear();

    /// <summary>
    /// Chooses the items of a round: always from the party with the smallest sum so far, until the next item of each exceeds the budget.
    /// Parties take turns at the first place, where an item may be larger than the budget, so none waits longer than one round of each.
    /// </summary>
    public List<T> Next(int budget)
    {
        if (_parties.Count > 1)
        {
            _parties.Add(_parties[0]);
            _parties.RemoveAt(0);
        }
        List<T> chosen = [];
        long sum = 0;
        List<Share> open = [.. _parties.Select(party => new Share(party))];
        while (open.MinBy(share => share.Sum) is { } next)
        {
            var item = next.Party.Items[next.Count];
            int size = sizeOf(item);
            if (chosen.Count > 0 && sum + size > budget)
            {
                open.Remove(next);
                continue;
            }
            chosen.Add(item);
            sum += size;
            next.Sum += size;
            if (++next.Count == next.Party.Items.Count)
                open.Remove(next);
        }
        return chosen;
    }

    private sealed record Party(string Name)
    {
        public List<T> Items { get; } = [];
    }

    /// <summary>What a party has of a round.</summary>
    private sealed class Share(Party party)
    {
        public Party Party { get; } = party;

        public int Count { get; set; }

        public long Sum { get; set; }
    }
}
