using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Reads a batch's input, checks every line and cuts it into shards. May run twice, even at once: each planning writes its shards under a
/// plan id of its own, the first to publish its plan wins, and all others use that plan.
/// </summary>
internal sealed partial class PlanBatchHandler(
    BatchStore batches,
    StorageAccount storage,
    BatchPlans plans,
    BatchInput input,
    ShardDispatcher dispatcher,
    PlanTurns<OpenBatchRow, BatchRecord> turns,
    BatchClosing closing,
    ServiceLimits limits,
    TimeProvider time,
    ILogger<PlanBatchHandler> logger)
{
    public async Task RunAsync(PlanMessage message, CancellationToken cancellation)
    {
        var batch = await batches.FindAsync(message.Key, cancellation);
        if (batch is { Status: BatchStatus.Validating or BatchStatus.InProgress })
            await TracedWork.RunAsync("plan", batch.Id, batch.TraceParent, () => RunAsync(batch, cancellation));
        await turns.FillAsync(message.Tenant, cancellation);    // its place is free
    }

    /// <summary>
    /// Called when planning has failed five times. Where storage is to blame, a sweep sends it again until it has failed for an hour.
    /// </summary>
    public async Task GiveUpAsync(PlanMessage message, CancellationToken cancellation)
    {
        if (await batches.FindAsync(message.Key, cancellation) is not { Status: BatchStatus.Validating } batch)
            return;
        if (!await batches.Open.HasPlanFailedAsync(batch.Key, cancellation))
            return;
        var errors = BatchValidationErrors.Of("planning_failed", "The server failed repeatedly to read the input; try again later");
        await TracedWork.RunAsync("plan", batch.Id, batch.TraceParent, () => RefuseAsync(batch, errors, cancellation));
        await turns.FillAsync(batch.Tenant, cancellation);
    }

    private async Task RunAsync(BatchRecord batch, CancellationToken cancellation)
    {
        await batches.TouchAsync(batch, cancellation);     // its message may have waited
        await using var watch = new PlanWatch(token => TouchAsync(batch, token), time, cancellation);
        try
        {
            await PlanAsync(batch, watch.Ended);
        }
        catch (Exception) when (watch.IsUnwanted)
        {
            LogUnwanted(logger, batch.Id);
        }
        catch (Exception failure) when (!cancellation.IsCancellationRequested)
        {
            await batches.Open.CountPlanFailureAsync(batch.Key, failure, cancellation);
            if (failure is not FolderUnavailableException || !await batches.Open.HasPlanFailedAsync(batch.Key, cancellation))
                throw;
            await RefuseAsync(batch, BatchValidationErrors.Of("folder_not_accessible", failure.Message), cancellation);
        }
    }

    private async Task<bool> TouchAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var touched = await batches.UpdateAsync(batch, _ => true, cancellation);
        return touched.Row is { Status: BatchStatus.Validating or BatchStatus.InProgress };
    }

    private async Task PlanAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        var plan = await plans.FindAsync(batch, cancellation) ?? await PlanAsync(batch, blobs, cancellation);
        if (plan is null)
            return;
        await SettledShards.AnswerAsync(blobs, plan, Enumerable.Range(0, plan.Shards.Count), cancellation);

        var begun = await batches.UpdateAsync(batch, current => current.TryBegin(plan, time.GetUtcNow()), cancellation);
        if (begun.Row is not { Status: BatchStatus.InProgress })
            return;
        LogPlanned(logger, batch.Id, plan.NumLines, plan.Shards.Count);
        await batches.SetPlannedAsync(batch, plan, cancellation);
        await dispatcher.FillWindowAsync(batch.Tenant, cancellation);
    }

    /// <returns>Null when the input has errors, and the batch has failed.</returns>
    private async Task<BatchPlan?> PlanAsync(BatchRecord batch, BatchBlobs blobs, CancellationToken cancellation)
    {
        string planId = Guid.NewGuid().ToString("N");
        var shards = new ShardWriter(blobs, planId, limits.MaxLineWork);
        var errors = new BatchValidationErrors();
        if (await input.ReadAsync(batch, shards, errors, cancellation) is { } model)
        {
            await shards.CloseWindowAsync(model, cancellation);
            var plan = new BatchPlan(
                planId, model.Id, model.Profile, shards.NumLines, shards.Shards, shards.EstimatedTokens, shards.LimitOf(model));
            return await plans.FindAsync(batch, cancellation) ?? await blobs.PublishPlanAsync(plan, cancellation);
        }
        await RefuseAsync(batch, errors, cancellation);
        return null;
    }

    private async Task RefuseAsync(BatchRecord batch, BatchValidationErrors errors, CancellationToken cancellation)
    {
        LogRefused(logger, batch.Id);
        var update = await batches.UpdateAsync(batch, current => current.TryRefuse(errors.ToJson(), time.GetUtcNow()), cancellation);
        if (update.Row is { IsTerminal: true } ended)
            await closing.RunAsync(ended, cancellation);
    }

    [LoggerMessage(EventId = 201, Level = LogLevel.Information, Message = "{Batch} is planned: {Lines} lines in {Shards} shards")]
    private static partial void LogPlanned(ILogger logger, string batch, int lines, int shards);

    [LoggerMessage(EventId = 203, Level = LogLevel.Information, Message = "{Batch} is not planned on: it was cancelled, or has ended")]
    private static partial void LogUnwanted(ILogger logger, string batch);

    [LoggerMessage(EventId = 202, Level = LogLevel.Information, Message = "{Batch} failed: its input has errors")]
    private static partial void LogRefused(ILogger logger, string batch);
}
