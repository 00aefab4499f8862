using System.Runtime.CompilerServices;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Lines;

/// <summary>
/// Reads the lines of a batch from its shards and parts, while it runs and as long as these are kept. One line window is in memory at a
/// time.
/// </summary>
internal static class ShardResults
{
    /// <summary>Shards of a window that are read at a time.</summary>
    private const int Concurrency = 16;

    /// <param name="after">Lines with a higher number only.</param>
    /// <returns>In the order of the input.</returns>
    public static async IAsyncEnumerable<LineResult> ReadAsync(
        BatchBlobs blobs, BatchPlan plan, bool hasInputs, int after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        int[][] windows =
            [.. plan.Shards.Index().GroupBy(shard => shard.Item.Window, shard => shard.Index).Select(group => group.ToArray())];
        var progress = await blobs.Progress.ListAsync(cancellation);     // first: a part that is written meanwhile replaces it
        var parts = await blobs.Parts.ListAsync(cancellation);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        foreach (int[] window in windows.Skip(await FirstAsync(blobs, plan, windows, after, cancellation)))
        {
            var lines = new IReadOnlyList<LineResult>[window.Length];
            await Parallel.ForAsync(0, window.Length, options, async (index, stop) =>
            {
                int shard = window[index];
                IReadOnlyList<PartLine> finished = parts.ContainsKey(shard) ? await blobs.Parts.ReadAsync(shard, stop)
                    : progress.ContainsKey(shard) ? (await blobs.Progress.ReadAsync(shard, stop)).Lines
                    : [];
                lines[index] = Join(await blobs.Shards.FindAsync(plan.PlanId, shard, stop), finished, hasInputs);
            });
            foreach (var line in lines.SelectMany(shard => shard).Where(line => line.Line > after).OrderBy(line => line.Line))
                yield return line;
        }
    }

    /// <summary>
    /// The first window that may have lines behind a number. Windows hold consecutive lines, so one line of each tells where it stands.
    /// </summary>
    private static async Task<int> FirstAsync(
        BatchBlobs blobs, BatchPlan plan, int[][] windows, int after, CancellationToken cancellation)
    {
        int first = 0;
        for (int end = after > 0 ? windows.Length : 0; end - first > 1;)
        {
            int middle = (first + end) / 2;
            if (await blobs.Shards.FindLineNumberAsync(plan.PlanId, windows[middle][0], cancellation) <= after)
                first = middle;
            else
                end = middle;
        }
        return first;
    }

    /// <param name="lines">Null for a shard that is lost: its outcomes still name their lines.</param>
    private static LineResult[] Join(IReadOnlyList<ShardLine>? lines, IReadOnlyList<PartLine> finished, bool hasInputs)
    {
        if (lines is null)
            return [.. finished.Select(LineResult.Finished)];
        var outcomes = finished.ToDictionary(line => line.Line);
        return
        [
            .. lines.Select(line => outcomes.TryGetValue(line.Line, out var outcome)
                ? LineResult.Finished(line.CustomId, hasInputs ? line.Body : null, outcome)
                : LineResult.Pending(line.Line, line.CustomId, hasInputs ? line.Body : null)),
        ];
    }
}
