using LLaDA.Batch.Functions.Batches.Documents;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Ends a batch: writes missing parts, joins the parts in input order into an output and an error file, and sets the terminal state. May be
/// killed and restarted at any point: parts are written once, and the files' keys are settled before the files are written.
/// </summary>
internal sealed partial class FinishBatchHandler(
    BatchStore batches,
    StorageAccount storage,
    BatchPlans plans,
    MissingParts missing,
    ResultFiles results,
    BatchClosing closing,
    FinishPlaces places,
    WorkQueues queues,
    TimeProvider time,
    ILogger<FinishBatchHandler> logger)
{
    public async Task RunAsync(FinishMessage message, CancellationToken cancellation)
    {
        if (await batches.FindAsync(message.Key, cancellation) is { IsTerminal: false, IsNow: false } batch)
            await TracedWork.RunAsync("finish", batch.Id, batch.TraceParent, () => RunAsync(batch, cancellation));
    }

    /// <summary>Called when finishing has failed five times. A sweep sends it again, until it has failed for too long.</summary>
    public async Task GiveUpAsync(FinishMessage message, CancellationToken cancellation)
    {
        var errors = BatchValidationErrors.Of("finishing_failed", "The server failed repeatedly to join the results; they are kept");
        if (await batches.FindAsync(message.Key, cancellation) is not { IsTerminal: false } batch)
            return;
        var update = await batches.UpdateAsync(batch, current => current.TryGiveUp(errors.ToJson(), time.GetUtcNow()), cancellation);
        if (update.Written)
            await TracedWork.RunAsync("finish", batch.Id, batch.TraceParent, () => closing.RunAsync(update.Row!, cancellation));
    }

    private async Task RunAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        var plan = await plans.FindAsync(batch, cancellation);
        using var place = places.TryEnter(batch.Key, plan?.Shards.Count ?? 0);
        if (place is null)
        {
            await PostponeAsync(batch, cancellation);
            return;
        }
        var parts = await blobs.Parts.ListAsync(cancellation);
        bool isComplete = plan is not null && parts.Count == plan.Shards.Count;
        var ending = BatchEnding.Of(batch, isComplete, parts.Values.Any(part => part.Expired > 0), time.GetUtcNow());
        if (ending is null)
            return;     // called too early: the worker that writes the last part calls again
        bool completes = ending.Status == BatchStatus.Completed;
        var settled = await batches.UpdateAsync(
            batch, current => current.TrySettle(plan, completes, results.NewKeys(), time.GetUtcNow()), cancellation);
        if (!settled.Written)
            return;
        var counts = plan is null ? PartCounts.None : await JoinAsync(settled.Row!, blobs, plan, parts, ending, cancellation);
        // Another finish may have ended the batch meanwhile, and its client may have deleted the files.
        if (await batches.FindAsync(batch.Key, cancellation) is { IsTerminal: false })
            await EndAsync(settled.Row!, ending, counts, cancellation);
        await results.DeleteOrphansAsync(settled.Row!, cancellation);
    }

    /// <summary>Puts the message behind those of others: the tenant's places are taken by other large batches.</summary>
    private async Task PostponeAsync(BatchRecord batch, CancellationToken cancellation)
    {
        Telemetry.Retries.Add(1, Telemetry.With(Telemetry.Work, "finish"), Telemetry.With(Telemetry.Outcome, "postponed"));
        if (places.Wait(batch.Key) is not { } wait)
            return;
        await queues.SendFinishAsync(batch.Key, wait, cancellation);
        places.Sent(batch.Key, wait);
    }

    private async Task<PartCounts> JoinAsync(
        BatchRecord batch,
        BatchBlobs blobs,
        BatchPlan plan,
        IReadOnlyDictionary<int, PartCounts> parts,
        BatchEnding ending,
        CancellationToken cancellation)
    {
        await using var heartbeat = new Heartbeat(token => batches.TouchAsync(batch, token), time);
        int[] unanswered = [.. Enumerable.Range(0, plan.Shards.Count).Where(shard => !parts.ContainsKey(shard))];
        await SettledShards.AnswerAsync(blobs, plan, unanswered, cancellation);
        var written = await missing.WriteAsync(batch, plan, unanswered, ending.Reason, cancellation);
        int refused = await results.WriteAsync(batch, PartJoiner.ReadAsync(blobs, plan, cancellation), cancellation);
        return PartCounts.Sum(parts.Values.Concat(written)).WithRefused(refused, DocumentWriter.NotWritten);
    }

    private async Task EndAsync(BatchRecord batch, BatchEnding ending, PartCounts counts, CancellationToken cancellation)
    {
        var published = await results.PublishAsync(batch, counts, cancellation);
        var ended = await batches.UpdateAsync(batch, current => current.TryEnd(ending.Status, published, time.GetUtcNow()), cancellation);
        if (ended.Row is not { IsTerminal: true } terminal)
            return;
        LogFinished(logger, terminal.Id, terminal.Status);
        await closing.RunAsync(terminal, cancellation);
    }

    [LoggerMessage(EventId = 211, Level = LogLevel.Information, Message = "{Batch} is {Status}")]
    private static partial void LogFinished(ILogger logger, string batch, BatchStatus status);
}
