using LLaDA.Batch.Functions.Batches.Documents;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Closes a batch: answers what no worker answered, joins the parts in input order into an output and an error file, and sets the terminal state. May be killed and
/// restarted at any point: parts are written once, and the files' keys are settled before they are written.
/// </summary>
internal sealed partial class FinishBatchHandler(
    FileStore files, BatchStore batches, StorageAccount storage, BatchClosing close, DocumentBatches documents, RetentionOptions retention, TimeProvider time, ILogger<FinishBatchHandler> logger)
{
    /// <summary>How long finishing may fail before the batch is given up: its lines have cost far more than another try does.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromHours(1);

    public async Task RunAsync(FinishMessage message, CancellationToken cancellation)
    {
        var batch = await batches.Records.FindAsync(message.Tenant, message.Batch, cancellation);
        if (batch is { IsTerminal: false })
            await TracedWork.RunAsync("finish", batch.Id, batch.TraceParent, () => RunAsync(batch, cancellation));
    }

    private async Task RunAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        var plan = await blobs.FindPlanAsync(cancellation);
        var parts = await blobs.ListPartsAsync(cancellation);
        var ending = Ending(batch, isComplete: plan is not null && parts.Count == plan.Shards.Count, hasExpired: parts.Values.Any(part => part.Expired > 0));
        if (ending is null)
            return;     // called too early: whoever finishes the last part calls again
        if (await SettleAsync(batch, plan, ending, cancellation) is not { IsTerminal: false } settled)
            return;
        int refused = 0;
        if (plan is not null)
        {
            await using var signs = new Heartbeat(token => batches.TouchAsync(batch, token), time);
            await AnswerMissingAsync(blobs, plan, parts, ending, cancellation);
            refused = await JoinAsync(settled, blobs, plan, cancellation);
        }
        if (await batches.Records.FindAsync(batch.Tenant, batch.RowKey, cancellation) is { IsTerminal: false })
            await EndAsync(settled, blobs, ending, refused, cancellation);
        await files.DeleteHalvesAsync(settled.Tenant, settled.OutputFileKey!, cancellation);
        await files.DeleteHalvesAsync(settled.Tenant, settled.ErrorFileKey!, cancellation);
    }

    /// <summary>What happens when finishing has failed five times: storage may be busy, so a sweep sends it again, until it has failed for too long.</summary>
    public async Task GiveUpAsync(FinishMessage message, CancellationToken cancellation)
    {
        var faults = new BatchValidationErrors();
        faults.Add("finishing_failed", "The server failed to put the results together again and again; they are kept");
        if (await batches.Records.FindAsync(message.Tenant, message.Batch, cancellation) is { IsTerminal: false } batch
            && time.GetUtcNow() >= (batch.FinalizingAt ?? batch.CancellingAt ?? batch.ExpiresAt) + s_patience)
        {
            await TracedWork.RunAsync("finish", batch.Id, batch.TraceParent, async () =>
            {
                var failed = await batches.UpdateAsync(batch, current =>
                {
                    (current.Status, current.FailedAt, current.Errors) = (BatchStatus.Failed, time.GetUtcNow(), faults.ToJson());
                    return true;
                }, cancellation);
                await close.RunAsync(failed ?? batch, cancellation);
            });
        }
    }

    /// <summary>How the batch ends now; null when it does not.</summary>
    /// <param name="isComplete">Every shard has its part.</param>
    /// <param name="hasExpired">A part has lines that were not run because the window had ended: written by a worker, or by an earlier finish.</param>
    private BatchEnding? Ending(BatchRecord batch, bool isComplete, bool hasExpired)
    {
        var now = time.GetUtcNow();
        return batch.Status switch
        {
            BatchStatus.Finalizing => BatchEnding.Completed,
            BatchStatus.Cancelling when isComplete || now >= batch.CancellingAt + BatchTimes.CancelGrace => BatchEnding.Cancelled,
            BatchStatus.Cancelling => null,
            _ when isComplete => hasExpired ? BatchEnding.Expired : BatchEnding.Completed,
            _ when now >= batch.ExpiresAt + BatchTimes.CancelGrace => BatchEnding.Expired,
            _ => null,
        };
    }

    /// <summary>A worker that comes late finds the part written and drops its own.</summary>
    private static async Task AnswerMissingAsync(
        BatchBlobs blobs, BatchPlan plan, IReadOnlyDictionary<int, PartCounts> parts, BatchEnding ending, CancellationToken cancellation)
    {
        for (int shard = 0; shard < plan.Shards.Count; shard++)
        {
            if (parts.ContainsKey(shard))
                continue;
            var lines = await blobs.ReadShardAsync(plan.PlanId, shard, cancellation);
            var answers = lines.Select(line => OutputLines.NotRun(line, ending.Reason));
            if (await blobs.WritePartAsync(shard, answers, PartCounts.NotRun(lines.Count, ending.Reason), cancellation))
                Telemetry.Shards.Add(1, Telemetry.With(Telemetry.Outcome, ending.Reason.Code));
        }
    }

    /// <returns>How many lines have been answered and become errors nevertheless: documents that could not be written.</returns>
    private async Task<int> JoinAsync(BatchRecord batch, BatchBlobs blobs, BatchPlan plan, CancellationToken cancellation)
    {
        var windows = PartJoiner.ReadAsync(blobs, plan, cancellation);
        if (batch.OutputFolder is not null)
            return await documents.WriteAsync(batch, files, windows, cancellation);
        await PartJoiner.JoinAsync(files, batch, windows, cancellation);
        return 0;
    }

    /// <summary>Settles the files' keys, and that a batch which completes can no longer be cancelled. It comes first: a sweep leaves alone what has just changed.</summary>
    private Task<BatchRecord?> SettleAsync(BatchRecord batch, BatchPlan? plan, BatchEnding ending, CancellationToken cancellation) => batches.UpdateAsync(batch, current =>
    {
        if (ending.Status == BatchStatus.Completed && current.Status == BatchStatus.InProgress)
            (current.Status, current.FinalizingAt) = (BatchStatus.Finalizing, time.GetUtcNow());
        if (plan is not null)   // a cancellation may have come between the plan and its record
            (current.Model, current.TotalLines) = (plan.Model, plan.NumLines);
        current.OutputFileKey ??= files.NewKey();
        current.ErrorFileKey ??= files.NewKey();
        return true;
    }, cancellation);

    private async Task EndAsync(BatchRecord batch, BatchBlobs blobs, BatchEnding ending, int refused, CancellationToken cancellation)
    {
        var parts = await blobs.ListPartsAsync(cancellation);
        var counts = parts.Values.Aggregate(new PartCounts(-refused, refused, 0, 0), (sum, part) => sum + part);
        string? output = await ToFileAsync(batch, batch.OutputFileKey!, "output", counts.Completed, cancellation);
        string? errors = await ToFileAsync(batch, batch.ErrorFileKey!, "error", counts.Failed, cancellation);
        var ended = await batches.UpdateAsync(batch, current =>
        {
            // A client that was told "cancelling" is not told "expired" afterwards.
            (current.Status == BatchStatus.Cancelling ? BatchEnding.Cancelled : ending).Apply(current, time.GetUtcNow());
            (current.CompletedLines, current.FailedLines) = (counts.Completed, counts.Failed);
            (current.PromptTokens, current.CompletionTokens) = (counts.PromptTokens, counts.CompletionTokens);
            (current.OutputFileId, current.ErrorFileId) = (output, errors);
            return true;
        }, cancellation);
        if (ended is null)
            return;
        LogFinished(logger, ended.Id, ended.Status);
        await close.RunAsync(ended, cancellation);
    }

    /// <returns>Null where there is nothing to see: clients take an empty file for a result.</returns>
    private async Task<string?> ToFileAsync(BatchRecord batch, string key, string kind, int numLines, CancellationToken cancellation)
    {
        if (numLines > 0)
        {
            var kept = batch.OutputSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : retention.KeepsFilesFor(FilePurpose.BatchOutput);
            return (await files.AddAsync(batch.Tenant, key, $"{batch.Id}_{kind}.jsonl", FilePurpose.BatchOutput, time.GetUtcNow() + kept, cancellation)).Id;
        }
        await files.DeleteBytesAsync(batch.Tenant, key, cancellation);
        return null;
    }

    [LoggerMessage(EventId = 211, Level = LogLevel.Information, Message = "{Batch} is {Status}")]
    private static partial void LogFinished(ILogger logger, string batch, BatchStatus status);
}
