using System.Text.Json;
using LLaDA.Batch.Functions.Batches.Documents;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Reads a batch's input, checks every line and cuts it into shards. May run twice, even at once: each attempt writes its shards under an id of its own, the
/// first to publish a plan wins, and everybody believes that plan alone.
/// </summary>
internal sealed partial class PlanBatchHandler(
    FileStore files, BatchStore batches, ModelCatalog models, ShardDispatcher release, StorageAccount storage, BatchClosing close, DocumentBatches documents, ServiceLimits limits,
    TimeProvider time, ILogger<PlanBatchHandler> logger)
{
    public async Task RunAsync(PlanMessage message, CancellationToken cancellation)
    {
        var batch = await batches.Records.FindAsync(message.Tenant, message.Batch, cancellation);
        if (batch is not { Status: BatchStatus.Validating or BatchStatus.InProgress })
            return;
        await TracedWork.RunAsync("plan", batch.Id, batch.TraceParent, () => RunAsync(batch, cancellation));
    }

    private async Task RunAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        var plan = await blobs.FindPlanAsync(cancellation) ?? await PlanAsync(batch, blobs, cancellation);
        if (plan is null)
            return;
        await AnswerRefusedAsync(blobs, plan, cancellation);

        var running = await batches.UpdateAsync(batch, current =>
        {
            if (current.Status != BatchStatus.Validating)
                return false;
            (current.Status, current.InProgressAt, current.Model, current.TotalLines) = (BatchStatus.InProgress, time.GetUtcNow(), plan.Model, plan.NumLines);
            return true;
        }, cancellation);
        if (running is not { Status: BatchStatus.InProgress })
            return;
        LogPlanned(logger, batch.Id, plan.NumLines, plan.Shards.Count);
        await batches.SetPlannedAsync(batch, plan, cancellation);
        await release.FillWindowAsync(batch.Tenant, cancellation);
    }

    /// <summary>What happens when planning has failed too often: the batch ends, with a reason.</summary>
    public async Task GiveUpAsync(PlanMessage message, CancellationToken cancellation)
    {
        var faults = new BatchValidationErrors();
        faults.Add("planning_failed", "The server failed to read the input again and again; try again later");
        if (await batches.Records.FindAsync(message.Tenant, message.Batch, cancellation) is { Status: BatchStatus.Validating } batch)
            await TracedWork.RunAsync("plan", batch.Id, batch.TraceParent, () => FailAsync(batch, faults, cancellation));
    }

    /// <returns>Null when the input has faults, and the batch has failed.</returns>
    private async Task<BatchPlan?> PlanAsync(BatchRecord batch, BatchBlobs blobs, CancellationToken cancellation)
    {
        await batches.TouchAsync(batch, cancellation);     // its message may have waited
        await using var signs = new Heartbeat(token => batches.TouchAsync(batch, token), time);
        string attempt = Guid.NewGuid().ToString("N");
        var shards = new ShardWriter(blobs, attempt);
        var faults = new BatchValidationErrors();
        var model = batch.InputFolder is null ? await ReadLinesAsync(batch, shards, faults, cancellation) : await documents.ReadAsync(batch, shards, faults, cancellation);
        if (model is not null)
        {
            await shards.CloseWindowAsync(model, cancellation);
            return await blobs.PublishPlanAsync(new BatchPlan(attempt, model.Id, model.Profile, shards.NumLines, shards.Shards), cancellation);
        }
        await FailAsync(batch, faults, cancellation);
        return null;
    }

    /// <returns>The model of all lines; null where there is a fault.</returns>
    private async Task<ModelRecord?> ReadLinesAsync(BatchRecord batch, ShardWriter shards, BatchValidationErrors faults, CancellationToken cancellation)
    {
        if (await files.FindAsync(batch.Tenant, batch.InputFileId!, cancellation) is not { } input)
        {
            faults.Add("file_not_found", "The input file was deleted before it was read");
            return null;
        }
        var validator = new InputValidator(batch.Endpoint, id => models.FindAsync(batch.Tenant, id, cancellation), faults);
        await using var content = await files.OpenReadAsync(input, cancellation);
        int count = 0;
        await foreach (var line in JsonLines.ReadAsync(content, limits.MaxLineBytes, cancellation))
        {
            if (++count > limits.MaxLines)
            {
                faults.Add("too_many_tasks", $"The file has more than {limits.MaxLines} requests", line.Number);
                break;
            }
            var accepted = await validator.CheckAsync(line);
            if (accepted is not null && !faults.Any)
                await shards.AddAsync(accepted, validator.Model!, cancellation);
        }
        if (count == 0)
            faults.Add("empty_file", "The file has no requests");
        return faults.Any ? null : validator.Model;
    }

    /// <summary>Lines that could not become requests get their part here, before the batch is in progress.</summary>
    private static async Task AnswerRefusedAsync(BatchBlobs blobs, BatchPlan plan, CancellationToken cancellation)
    {
        foreach (var (shard, planned) in plan.Shards.Index().Where(entry => entry.Item.IsRefused))
        {
            var lines = await blobs.ReadShardAsync(plan.PlanId, shard, cancellation);
            var answers = lines.Select(line => OutputLines.NotRun(line, line.Body.Deserialize<LineError>(WireJson.Options)!));
            await blobs.WritePartAsync(shard, answers, new PartCounts(0, planned.NumLines, 0, 0), cancellation);
        }
    }

    private async Task FailAsync(BatchRecord batch, BatchValidationErrors faults, CancellationToken cancellation)
    {
        LogRefused(logger, batch.Id);
        var failed = await batches.UpdateAsync(batch, current =>
        {
            if (current.Status != BatchStatus.Validating)
                return false;
            (current.Status, current.FailedAt, current.Errors) = (BatchStatus.Failed, time.GetUtcNow(), faults.ToJson());
            return true;
        }, cancellation);
        if (failed is { IsTerminal: true })
            await close.RunAsync(failed, cancellation);
    }

    [LoggerMessage(EventId = 201, Level = LogLevel.Information, Message = "{Batch} is planned: {Lines} lines in {Shards} shards")]
    private static partial void LogPlanned(ILogger logger, string batch, int lines, int shards);

    [LoggerMessage(EventId = 202, Level = LogLevel.Information, Message = "{Batch} failed: its input has faults")]
    private static partial void LogRefused(ILogger logger, string batch);
}
