using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Finds out which lines a shard had whose blob is lost: those of its line window that no other shard has. The input still names them, and
/// where it is gone or changed too, they keep their place and have an empty custom_id.
/// </summary>
internal sealed class LostLines(StorageAccount storage, BatchInput input)
{
    private static readonly JsonElement s_noBody = JsonElement.Parse("{}");

    /// <returns>The lines of the shard that no worker has finished, without their bodies, in the order of the input.</returns>
    public async Task<IReadOnlyList<ShardLine>> FindAsync(BatchRecord batch, BatchPlan plan, int shard, CancellationToken cancellation)
    {
        var window = await ReadWindowAsync(new BatchBlobs(storage, batch), plan, plan.Shards[shard].Window, cancellation);
        int first = plan.Shards.Where(other => other.Window < plan.Shards[shard].Window).Sum(other => other.NumLines);
        var ids = await input.ListIdsAsync(batch, cancellation).Skip(first).Take(window.NumLines).ToListAsync(cancellation);
        IEnumerable<ShardLine> unknown = window.IsIn(ids)
            ? ids.Where(id => !window.Known.ContainsKey(id.Line))
            : Enumerable.Range(first + 1, int.MaxValue - first - 1).Where(number => !window.Known.ContainsKey(number))
                .Select(number => Line(number, customId: ""));
        int before = window.Lost.TakeWhile(lost => lost.Shard < shard).Sum(lost => lost.NumLines);
        return [.. unknown.Skip(before).Take(window.Lost.FirstOrDefault(lost => lost.Shard == shard).NumLines)];
    }

    /// <summary>A line as far as its frame is known.</summary>
    public static ShardLine Line(int number, string customId) => new(number, customId, s_noBody);

    /// <summary>Reads what is left of a line window: the lines of shards and parts, and those that workers have finished.</summary>
    private static async Task<Window> ReadWindowAsync(BatchBlobs blobs, BatchPlan plan, int window, CancellationToken cancellation)
    {
        Dictionary<int, string?> known = [];
        List<(int Shard, int NumLines)> lost = [];
        int numLines = 0;
        var parts = await blobs.Parts.ListAsync(cancellation);
        foreach (var (shard, planned) in plan.Shards.Index().Where(entry => entry.Item.Window == window))
        {
            numLines += planned.NumLines;
            if (await blobs.Shards.FindAsync(plan.PlanId, shard, cancellation) is { } lines)
            {
                foreach (var line in lines)
                    known[line.Line] = line.CustomId;
                continue;
            }
            bool isAnswered = parts.ContainsKey(shard);
            var answered = isAnswered
                ? await blobs.Parts.ReadAsync(shard, cancellation)
                : (await blobs.Progress.ReadAsync(shard, cancellation)).Lines;
            foreach (var line in answered)
                known[line.Line] = null;
            if (!isAnswered)
                lost.Add((shard, planned.NumLines - answered.Count));
        }
        return new Window(numLines, known, lost);
    }

    /// <param name="Known">The custom_id of lines whose number is known, by number; null where only the number is known.</param>
    /// <param name="Lost">The lost shards without a part, in order, and how many of their lines are unknown.</param>
    private sealed record Window(
        int NumLines, IReadOnlyDictionary<int, string?> Known, IReadOnlyList<(int Shard, int NumLines)> Lost)
    {
        /// <summary>Whether the input is the one that was planned: it has all lines, the known ones under their custom_id.</summary>
        public bool IsIn(List<ShardLine> ids)
        {
            var named = ids.ToDictionary(id => id.Line, id => id.CustomId);
            return named.Count == NumLines
                && Known.All(line => named.TryGetValue(line.Key, out string? id) && (line.Value is null || line.Value == id));
        }
    }
}
