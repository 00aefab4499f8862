using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Writes the parts of shards whose outcome is known: their lines are refused, or answered without a model.</summary>
internal static class SettledShards
{
    /// <param name="shards">Of the plan; those that are not settled, or whose blob is lost, are left alone.</param>
    public static async Task AnswerAsync(BatchBlobs blobs, BatchPlan plan, IEnumerable<int> shards, CancellationToken cancellation)
    {
        foreach (int shard in shards.Where(shard => plan.Shards[shard].IsRefused))
        {
            if (await blobs.Shards.FindAsync(plan.PlanId, shard, cancellation) is not { } stored)
                continue;   // lost: the sweep answers its lines
            SettledLine[] lines = [.. stored.Select(SettledLine.From)];
            int failed = lines.Count(line => line.IsError);
            var counts = new PartCounts(lines.Length - failed, failed, PromptTokens: 0, CompletionTokens: 0);
            await blobs.Parts.WriteAsync(shard, [.. lines.Select(line => line.ToPartLine())], counts, cancellation);
        }
    }
}
