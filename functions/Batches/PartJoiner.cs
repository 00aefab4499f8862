using System.Runtime.CompilerServices;
using System.Text;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Joins a batch's parts in the order of the input, one line window in memory at a time.</summary>
internal static class PartJoiner
{
    /// <summary>Parts of a window that are read at a time.</summary>
    private const int Concurrency = 16;

    /// <summary>The windows in order, each with its lines in order.</summary>
    public static async IAsyncEnumerable<IReadOnlyList<PartLine>> ReadAsync(
        BatchBlobs blobs, BatchPlan plan, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        foreach (var window in plan.Shards.Index().GroupBy(shard => shard.Item.Window, shard => shard.Index))
        {
            int[] shards = [.. window];
            var parts = new IReadOnlyList<PartLine>[shards.Length];
            await Parallel.ForAsync(0, shards.Length, options, async (index, stop) =>
                parts[index] = await blobs.Parts.ReadAsync(shards[index], stop));
            yield return [.. parts.SelectMany(lines => lines).OrderBy(line => line.Line)];
        }
    }

    public static async Task JoinAsync(
        FileStore files, BatchRecord batch, IAsyncEnumerable<IReadOnlyList<PartLine>> windows, CancellationToken cancellation)
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
