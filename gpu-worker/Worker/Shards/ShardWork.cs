using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>One shard in work: its lines, and their answers so far.</summary>
internal sealed record ShardWork
{
    /// <summary>Names this process beside its answers, so that clients see how many workers a batch has.</summary>
    public static readonly string WorkerName = $"{Environment.MachineName}/{Environment.ProcessId}";

    public required BatchRecord Batch { get; init; }

    public required BatchPlan Plan { get; init; }

    public required BatchBlobs Blobs { get; init; }

    /// <summary>Number of the shard, from 0.</summary>
    public required int Shard { get; init; }

    public required IReadOnlyList<ShardLine> Lines { get; init; }

    public required ShardAnswers Answers { get; init; }

    /// <summary>
    /// Whose lines they are: parties share the model. A tenant's answers at once are a party beside its batches, so they join the running
    /// batch at its next step, however many lines of the tenant run.
    /// </summary>
    public string Party => Batch.IsNow ? $"{Batch.Tenant}|now" : Batch.Tenant;

    /// <summary>Reads the lines and the answers that a previous owner stored.</summary>
    public static async Task<ShardWork> ReadAsync(
        BatchRecord batch, BatchPlan plan, BatchBlobs blobs, int shard, CancellationToken cancellation)
    {
        var (reading, progress) = (blobs.ReadShardAsync(plan.PlanId, shard, cancellation), blobs.ReadProgressAsync(shard, cancellation));
        await Task.WhenAll(reading, progress);
        var (lines, (finished, counts)) = (await reading, await progress);
        return new ShardWork
        {
            Batch = batch,
            Plan = plan,
            Blobs = blobs,
            Shard = shard,
            Lines = lines,
            Answers = new ShardAnswers(finished, counts),
        };
    }

    /// <summary>Stores the answers so far for the next owner.</summary>
    public Task SaveProgressAsync(CancellationToken cancellation) =>
        Blobs.WriteProgressAsync(Shard, Answers.Lines, Answers.Counts, cancellation, WorkerName);
}
