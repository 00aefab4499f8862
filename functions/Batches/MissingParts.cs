using System.Collections.Concurrent;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Writes the parts of shards that no worker completed, with the lines that a worker had finished and stored. A late worker finds the part
/// written and drops its own.
/// </summary>
internal static class MissingParts
{
    /// <summary>Shards at a time. A cancelled batch may have a missing part for each line, at two storage calls each.</summary>
    private const int Concurrency = 16;

    /// <param name="parts">The parts that exist, by shard number.</param>
    /// <returns>The parts of all shards.</returns>
    public static async Task<IReadOnlyCollection<PartCounts>> WriteAsync(
        BatchBlobs blobs, BatchPlan plan, IReadOnlyDictionary<int, PartCounts> parts, NotRunReason reason, CancellationToken cancellation)
    {
        var all = new ConcurrentDictionary<int, PartCounts>(parts);
        var progress = await blobs.ListProgressAsync(cancellation);
        var missing = Enumerable.Range(0, plan.Shards.Count).Where(shard => !parts.ContainsKey(shard));
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        await Parallel.ForEachAsync(missing, options, async (shard, stop) =>
        {
            var lines = await blobs.ReadShardAsync(plan.PlanId, shard, stop);
            var (finished, counts) = progress.ContainsKey(shard) ? await blobs.ReadProgressAsync(shard, stop) : ([], PartCounts.None);
            HashSet<int> numbers = [.. finished.Select(line => line.Line)];
            PartLine[] notRun = [.. lines.Where(line => !numbers.Contains(line.Line)).Select(line => OutputLines.NotRun(line, reason))];
            counts += PartCounts.NotRun(notRun.Length, reason);
            if (await blobs.WritePartAsync(shard, [.. finished, .. notRun], counts, stop))
                Telemetry.Shards.Add(1, Telemetry.With(Telemetry.Outcome, reason.Code));
            else
                counts = await blobs.ReadPartCountsAsync(shard, stop);
            all[shard] = counts;
        });
        return [.. all.Values];
    }
}
