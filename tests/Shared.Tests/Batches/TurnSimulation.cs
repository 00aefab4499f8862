using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Tests.Batches;

/// <summary>A batch of a simulated tenant.</summary>
/// <param name="Window">From its plan to its expiry.</param>
/// <param name="Shards">Another batch of the same kind takes its place once they are sent; null for a batch without an end.</param>
internal sealed record SimulatedBatch(string Name, BatchPriority Priority, TimeSpan Window, int? Shards = null);

/// <summary>What one batch, or those that took its place, got.</summary>
internal sealed record SimulatedWaits(SimulatedBatch Batch, double Share, TimeSpan Mean, TimeSpan Longest, TimeSpan Bound);

/// <summary>The batches of one tenant, of whose shards one is sent every minute.</summary>
internal sealed class TurnSimulation
{
    private static readonly TimeSpan s_shard = TimeSpan.FromMinutes(1);
    private static readonly DateTimeOffset s_start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly List<Slot> _slots;
    private DateTimeOffset _now = s_start;

    public TurnSimulation(IEnumerable<SimulatedBatch> batches) =>
        _slots = [.. batches.Select(batch => new Slot(batch, NewRow(batch)))];

    /// <summary>The longest wait of a batch that has just had its turn, by the law of <see cref="BatchTurns"/>.</summary>
    public static TimeSpan BoundOf(SimulatedBatch batch, int numBatches) =>
        s_shard * ((BatchTurns.GreatestWeight / BatchTurns.WeightOf(batch.Priority, batch.Window)) + 1) * (numBatches - 1);

    public IReadOnlyList<SimulatedWaits> Run(TimeSpan duration)
    {
        for (; _now - s_start < duration; _now += s_shard)
            Send(_slots.Single(slot => slot.Row == BatchTurns.Next([.. _slots.Select(one => one.Row)], _now)));
        int sent = _slots.Sum(slot => slot.Waits.Count);
        return [.. _slots.Select(slot => new SimulatedWaits(
            slot.Batch,
            (double)slot.Waits.Count / sent,
            slot.Waits.Aggregate(TimeSpan.Zero, (sum, wait) => sum + wait) / Math.Max(1, slot.Waits.Count),
            slot.Waits.Append(_now - slot.Row.WaitingSince).Max(),
            BoundOf(slot.Batch, _slots.Count)))];
    }

    private OpenBatchRow NewRow(SimulatedBatch batch) => new()
    {
        Priority = batch.Priority,
        ExpiresAt = _now + batch.Window,
        PlannedAt = _now,
        NumShards = batch.Shards ?? int.MaxValue,
    };

    private void Send(Slot slot)
    {
        slot.Waits.Add(_now - slot.Row.WaitingSince);
        (slot.Row.NumReleased, slot.Row.ReleasedAt) = (slot.Row.NumReleased + 1, _now);
        if (!slot.Row.HasUndispatched)
            slot.Row = NewRow(slot.Batch);
    }

    private sealed class Slot(SimulatedBatch batch, OpenBatchRow row)
    {
        public SimulatedBatch Batch => batch;

        public OpenBatchRow Row { get; set; } = row;

        public List<TimeSpan> Waits { get; } = [];
    }
}
