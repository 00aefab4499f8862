namespace LLaDA.Batch.Shared.Batches;

/// <summary>
/// Whose turn it is among the batches of a tenant, by time-dependent priorities: the claim of a batch is the time for which it has waited
/// since its last shard, times its weight, and the greatest claim is next.
/// </summary>
/// <remarks>
/// Nothing starves, because every claim grows until it is the greatest: of n batches, one of weight w waits at most
/// (W / w + 1) (n - 1) times the time between two shards, where W is the greatest weight. Nothing is kept but the time of the last shard.
/// </remarks>
public static class BatchTurns
{
    /// <summary>The bounds of <see cref="WeightOf"/>.</summary>
    public const double LeastWeight = LowWeight * LeastUrgency, GreatestWeight = HighWeight * GreatestUrgency;

    /// <summary>From this weight on, a shard passes those of its tenant that wait in a queue: a high priority, or six hours left.</summary>
    public const double WeightAhead = 4;

    private const double LowWeight = 0.25, HighWeight = 4, LeastUrgency = 0.5, GreatestUrgency = 8;

    /// <summary>The time left at which urgency is 1.</summary>
    private static readonly TimeSpan s_usual = TimeSpan.FromDays(1);

    /// <param name="left">The time until the batch expires, which weighs from a half (two days or more) to 8 (three hours or less); null
    /// weighs 1.</param>
    public static double WeightOf(BatchPriority priority, TimeSpan? left)
    {
        double urgency = left is not { } time ? 1
            : time <= TimeSpan.Zero ? GreatestUrgency
            : Math.Clamp(s_usual / time, LeastUrgency, GreatestUrgency);
        return urgency * priority switch { BatchPriority.Low => LowWeight, BatchPriority.High => HighWeight, _ => 1 };
    }

    /// <summary>The batch whose shard is sent next.</summary>
    /// <param name="waiting">Those that have shards to send.</param>
    /// <returns>Null when there is none.</returns>
    public static OpenBatchRow? Next(IReadOnlyCollection<OpenBatchRow> waiting, DateTimeOffset now) => waiting.Count == 0
        ? null
        : waiting.MaxBy(open => (ClaimOf(open.WaitingSince, open.WeightAt(now), now), -open.NumReleased / open.WeightAt(now)));

    /// <param name="since">Clocks of other processes may be ahead.</param>
    public static double ClaimOf(DateTimeOffset since, double weight, DateTimeOffset now) =>
        weight * Math.Max(0, (now - since).TotalSeconds);
}
