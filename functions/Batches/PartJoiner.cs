using System.Runtime.CompilerServices;
using System.Text;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Joins a batch's parts in the order of the input, one window in memory at a time.</summary>
internal static class PartJoiner
{
    /// <summary>The lines of one window after the other, each in order.</summary>
    public static async IAsyncEnumerable<IReadOnlyList<PartLine>> ReadAsync(BatchBlobs blobs, BatchPlan plan, [EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (var window in plan.Shards.Index().GroupBy(shard => shard.Item.Window))
        {
            List<PartLine> lines = [];
            foreach (var (shard, _) in window)
                lines.AddRange(await blobs.ReadPartAsync(shard, cancellation));
            yield return [.. lines.OrderBy(line => line.Line)];
        }
    }

    public static async Task JoinAsync(FileStore files, BatchRecord batch, IAsyncEnumerable<IReadOnlyList<PartLine>> windows, CancellationToken cancellation)
    {
        await using var output = files.Write(batch.Tenant, batch.OutputFileKey!, cancellation);
        await using var errors = files.Write(batch.Tenant, batch.ErrorFileKey!, cancellation);
        await foreach (var window in windows)
        {
            foreach (var line in window)
                await (line.IsError ? errors : output).Content.WriteAsync(Encoding.UTF8.GetBytes(line.Json + "\n"), cancellation);
        }
        await output.CompleteAsync();
        await errors.CompleteAsync();
    }
}
