using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Usage;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>Ends an answer at once. Whoever finds its part may call it, any number of times.</summary>
internal sealed class AnswerEnding(BatchStore batches, UsageStore usage, AnswerRoom room, StorageAccount storage, TimeProvider time)
{
    /// <summary>Makes the record terminal by its part.</summary>
    public async Task RunAsync(BatchRecord answer, PartCounts counts, CancellationToken cancellation)
    {
        var ending = counts.Expired > 0 ? BatchStatus.Expired : BatchStatus.Completed;
        var results = new BatchResults(counts, OutputFileId: null, ErrorFileId: null);
        var ended = await batches.UpdateAsync(answer, current => current.TryEnd(ending, results, time.GetUtcNow()), cancellation);
        // A record that seems to be missing may be there: the sweep looks twice before it lets the open row go.
        if (ended.Row is { IsTerminal: true } terminal)
            await CloseAsync(terminal, cancellation);
    }

    /// <summary>The last steps of a terminal answer. A sweep repeats them until all are done, so each is idempotent.</summary>
    public async Task CloseAsync(BatchRecord answer, CancellationToken cancellation)
    {
        await usage.CountAsync(answer, cancellation);
        await batches.OpenAnswers.DeleteAsync(answer.Key, cancellation);
        room.Leave(answer.Tenant);
    }

    /// <summary>The only client that knew of the answer has gone: its place is free for others.</summary>
    public Task CancelAsync(BatchRecord answer, CancellationToken cancellation) =>
        batches.UpdateAsync(answer, current => current.TryCancel(time.GetUtcNow()), cancellation);

    /// <summary>Answers a line that no worker answered in time. A late worker finds the part written and drops its own.</summary>
    public async Task GiveUpAsync(BatchRecord answer, NotRunReason reason, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, answer);
        // A worker that could not write the part may have stored the answer.
        var (lines, counts) = await blobs.Progress.ReadAsync(shard: 0, cancellation);
        if (lines.Count == 0)
            (lines, counts) = ([OutputLines.NotRun(AnswerRequest.EmptyLine, reason)], PartCounts.NotRun(1, reason));
        if (!await blobs.Parts.WriteAsync(shard: 0, lines, counts, cancellation))
            counts = await blobs.Parts.ReadCountsAsync(shard: 0, cancellation);
        await RunAsync(answer, counts, cancellation);
    }
}
