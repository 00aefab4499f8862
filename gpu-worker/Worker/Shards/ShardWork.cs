using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>One shard in work: its lines, their answers so far, and what of the others is done.</summary>
internal sealed record ShardWork : IDisposable
{
    /// <summary>Names this process beside its answers, so that clients see how many workers a batch has.</summary>
    public static readonly string WorkerName = $"{Environment.MachineName}/{Environment.ProcessId}";

    private readonly SemaphoreSlim _saving = new(1);
    private (int NumLines, double Share) _saved;

    public required BatchRecord Batch { get; init; }

    public required BatchPlan Plan { get; init; }

    public required BatchBlobs Blobs { get; init; }

    /// <summary>Number of the shard, from 0.</summary>
    public required int Shard { get; init; }

    public required IReadOnlyList<ShardLine> Lines { get; init; }

    /// <summary>What earlier owners tried and did not end.</summary>
    public required ShardAttempts Attempts { get; init; }

    public required ShardAnswers Answers { get; init; }

    /// <summary>
    /// Whose lines they are: parties share the model. A tenant's answers at once are a party beside its batches, so they join the running
    /// batch at its next step, however many lines of the tenant run.
    /// </summary>
    public string Party => Batch.IsNow ? $"{Batch.Tenant}|now" : Batch.Tenant;

    public required UnfinishedLines Unfinished { get; init; }

    /// <summary>Finished lines and the finished share of the others: it grows with all that the next owner need not do again.</summary>
    public (int NumLines, double Share) Progress => (Answers.Finished.Lines.Count, Unfinished.Share);

    /// <summary>Reads the lines, and what a previous owner stored.</summary>
    public static async Task<ShardWork> ReadAsync(
        BatchRecord batch, BatchPlan plan, BatchBlobs blobs, int shard, CancellationToken cancellation)
    {
        var (reading, progress) = (blobs.Shards.ReadAsync(plan.PlanId, shard, cancellation), blobs.Progress.ReadAsync(shard, cancellation));
        var resuming = blobs.Progress.ReadUnfinishedAsync(shard, cancellation);
        var attempts = blobs.Shards.FindAttemptsAsync(shard, cancellation);
        await Task.WhenAll(reading, progress, resuming, attempts);
        var (lines, (finished, counts)) = (await reading, await progress);
        var unfinished = await resuming;
        var numbers = finished.Select(line => line.Line).ToHashSet();
        return new ShardWork
        {
            Batch = batch,
            Plan = plan,
            Blobs = blobs,
            Shard = shard,
            Lines = lines,
            Attempts = await attempts ?? ShardAttempts.Of(lines.Count),
            Answers = new ShardAnswers(finished, counts),
            Unfinished = new UnfinishedLines(unfinished.Where(line => !numbers.Contains(line.Line))),
        };
    }

    /// <summary>Stores answers and states for the next owner.</summary>
    public async Task SaveProgressAsync(CancellationToken cancellation)
    {
        await _saving.WaitAsync(cancellation);
        try
        {
            var progress = Progress;
            var unfinished = Unfinished.ToStored();
            if (unfinished.Count > 0)
                await Blobs.Progress.WriteUnfinishedAsync(Shard, unfinished, cancellation);
            var (lines, counts) = Answers.Finished;
            await Blobs.Progress.WriteAsync(Shard, lines, counts with { InWork = progress.Share }, cancellation, WorkerName);
            _saved = progress;
        }
        finally
        {
            _saving.Release();
        }
    }

    /// <summary>The same if there is more than at the last time.</summary>
    public Task SaveNewProgressAsync(CancellationToken cancellation) =>
        Progress == _saved ? Task.CompletedTask : SaveProgressAsync(cancellation);

    public void Dispose() => _saving.Dispose();
}
