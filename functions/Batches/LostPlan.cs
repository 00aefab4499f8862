using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// The entries of a plan whose blob is lost, from the blobs of its shards. Where shards are lost too, they have the lines that no other
/// shard has, and their line windows and those between and beside them become one.
/// </summary>
internal static class LostPlan
{
    private const int UnknownWindow = -1;

    /// <param name="numShards">Of the plan.</param>
    /// <param name="numLines">Of the batch.</param>
    public static async Task<IReadOnlyList<PlannedShard>> RestoreAsync(
        BatchBlobs blobs, string planId, int numShards, int numLines, CancellationToken cancellation)
    {
        var kept = await blobs.Shards.ListPlannedAsync(planId, cancellation);
        var finished = await blobs.ListFinishedAsync(cancellation);
        var parts = await blobs.Parts.ListAsync(cancellation);
        var shards = new PlannedShard[numShards];
        List<int> lost = [];
        for (int shard = 0; shard < numShards; shard++)
        {
            if (kept.TryGetValue(shard, out var planned))
            {
                shards[shard] = planned
                    ?? new PlannedShard(UnknownWindow, (await blobs.Shards.ReadAsync(planId, shard, cancellation)).Count);
                continue;
            }
            var counts = finished.TryGetValue(shard, out var work) ? work.Counts : PartCounts.None;
            shards[shard] = new PlannedShard(UnknownWindow, counts.Completed + counts.Failed);
            if (!parts.ContainsKey(shard))
                lost.Add(shard);
        }
        if (lost.Count > 0)
        {
            int missing = numLines - shards.Sum(shard => shard.NumLines);
            shards[lost[0]] = shards[lost[0]] with { NumLines = shards[lost[0]].NumLines + missing };
            for (int shard = lost[0]; shard <= lost[^1]; shard++)
                shards[shard] = shards[shard] with { Window = UnknownWindow };
        }
        return WithWindows(shards);
    }

    /// <summary>Numbers the windows from 0 on: those on both sides of a shard whose window is unknown become one.</summary>
    private static List<PlannedShard> WithWindows(PlannedShard[] shards)
    {
        List<PlannedShard> numbered = [];
        int number = 0, last = UnknownWindow;
        foreach (var shard in shards)
        {
            if (last != UnknownWindow && shard.Window != UnknownWindow && shard.Window != last)
                number++;
            last = shard.Window;
            numbered.Add(shard with { Window = number });
        }
        return numbered;
    }
}
