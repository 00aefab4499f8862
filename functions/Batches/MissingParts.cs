using System.Collections.Concurrent;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Writes the parts of shards that no worker completed, with the lines that a worker had finished and stored. A late worker finds the part
/// written and drops its own. The lines of a shard whose blob is lost get <see cref="NotRunReason.Lost"/>.
/// </summary>
internal sealed class MissingParts(StorageAccount storage, LostLines lostLines)
{
    /// <summary>Shards at a time. Each takes some calls to storage, and the end of a cancelled or expired batch is not urgent.</summary>
    private const int Concurrency = 4;

    /// <param name="shards">Shards without a part.</param>
    /// <returns>The parts of these shards.</returns>
    public async Task<IReadOnlyCollection<PartCounts>> WriteAsync(
        BatchRecord batch, BatchPlan plan, IEnumerable<int> shards, NotRunReason reason, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        var written = new ConcurrentBag<PartCounts>();
        var progress = await blobs.Progress.ListAsync(cancellation);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        await Parallel.ForEachAsync(shards, options, async (shard, stop) =>
        {
            var lines = await blobs.Shards.FindAsync(plan.PlanId, shard, stop);
            var (finished, counts) = progress.ContainsKey(shard) ? await blobs.Progress.ReadAsync(shard, stop) : ([], PartCounts.None);
            HashSet<int> numbers = [.. finished.Select(line => line.Line)];
            var left = lines?.Where(line => !numbers.Contains(line.Line))
                ?? await lostLines.FindAsync(batch, plan, shard, stop);
            written.Add(await WriteAsync(blobs, shard, finished, counts, [.. left], lines is null ? NotRunReason.Lost : reason, stop));
        });
        return written;
    }

    private static async Task<PartCounts> WriteAsync(
        BatchBlobs blobs,
        int shard,
        IReadOnlyList<PartLine> finished,
        PartCounts counts,
        ShardLine[] left,
        NotRunReason reason,
        CancellationToken cancellation)
    {
        counts += PartCounts.NotRun(left.Length, reason);
        var lines = finished.Concat(left.Select(line => OutputLines.NotRun(line, reason)));
        if (!await blobs.Parts.WriteAsync(shard, lines, counts, cancellation))
            return await blobs.Parts.ReadCountsAsync(shard, cancellation);
        Telemetry.Shards.Add(1, Telemetry.With(Telemetry.Outcome, reason.Code));
        return counts;
    }
}
