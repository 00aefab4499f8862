using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>
/// Checks every line of a job's files, chooses what was left to "auto" and hands the job to the workers of its model. May run twice, even at once: it only reads, and the job
/// leaves its first state once.
/// </summary>
internal sealed partial class PlanFineTuningHandler(
    FileStore files, FineTuningStore jobs, FineTuningEvents events, ScheduledFileAssembly gather, ModelCatalog models, WorkQueues queues, FineTuningClosing close, ServiceLimits limits, TimeProvider time, ILogger<PlanFineTuningHandler> logger)
{
    public async Task RunAsync(TrainingMessage message, CancellationToken cancellation)
    {
        if (await jobs.Records.FindAsync(message.Tenant, message.Job, cancellation) is { Status: FineTuningStatus.ValidatingFiles } job)
            await TracedWork.RunAsync("plan-training", job.Id, job.TraceParent, () => RunAsync(job, cancellation));
    }

    private async Task RunAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        await jobs.TouchAsync(job, cancellation);   // its message may have waited
        var planned = job;
        await using var signs = new Heartbeat(token => jobs.TouchAsync(planned, token), time);
        if (await models.FindAsync(job.Tenant, job.Model, cancellation) is not { } model)
        {
            await FailAsync(job, "model_not_found", $"There is no model '{job.Model}' any more", "model", cancellation);
            return;
        }

        if (job is { TrainingFileId: null, Sources: not null })
        {
            var faults = new TrainingFileErrors("training_data");
            var gathered = await gather.RunAsync(job, faults, cancellation);
            if (faults.Any)
                await FailAsync(job, faults.Code, faults.ToString(), faults.Param, cancellation);
            if (gathered is not { Status: FineTuningStatus.ValidatingFiles, TrainingFileId: not null })
                return;
            job = gathered;
        }
        var data = await CheckAsync(job, job.TrainingFileId!, "training_file", cancellation);
        var held = job.ValidationFileId is { } id && !data.Faults.Any ? await CheckAsync(job, id, "validation_file", cancellation) : data;
        if (held.Faults.Any)
        {
            await FailAsync(job, held.Faults.Code, held.Faults.ToString(), held.Faults.Param, cancellation);
            return;
        }
        await QueueAsync(job, model, data, cancellation);
    }

    /// <summary>What happens when planning has failed too often: the job ends, with a reason.</summary>
    public async Task GiveUpAsync(TrainingMessage message, CancellationToken cancellation)
    {
        if (await jobs.Records.FindAsync(message.Tenant, message.Job, cancellation) is { Status: FineTuningStatus.ValidatingFiles } job)
        {
            await TracedWork.RunAsync("plan-training", job.Id, job.TraceParent, () =>
                FailAsync(job, "planning_failed", "The server failed to read the files again and again; try again later", param: null, cancellation));
        }
    }

    private async Task QueueAsync(FineTuningJobRecord job, ModelRecord model, CheckedData data, CancellationToken cancellation)
    {
        var queued = await jobs.UpdateAsync(job, current =>
        {
            if (current.Status != FineTuningStatus.ValidatingFiles)
                return false;
            current.Epochs ??= AutoHyperparameters.Epochs(job.Method, data.NumLines);
            current.BatchSize ??= AutoHyperparameters.BatchSize(job.Method, data.NumLines, data.NumBytes, model.ContextLength);
            current.LearningRateMultiplier ??=
                AutoHyperparameters.LearningRateMultiplier(current, data.NumLines, data.NumBytes, model.ContextLength);
            current.ResultFileKey ??= files.NewKey();
            (current.Status, current.Profile, current.NumExamples, current.QueuedAt) = (FineTuningStatus.Queued, model.Profile, data.NumLines, time.GetUtcNow());
            return true;
        }, cancellation);
        if (queued is not { Status: FineTuningStatus.Queued })
            return;     // cancelled or paused meanwhile, or planned by somebody else
        LogPlanned(logger, job.Id, data.NumLines);
        await events.AddAsync(queued, step: 0, run: 0, FineTuningEventKind.Validated, $"Files validated: {data.NumLines} examples. The job is queued", cancellation);
        await queues.SendTrainAsync(queued.Profile!, queued.Tenant, queued.RowKey, cancellation);
    }

    private async Task<CheckedData> CheckAsync(FineTuningJobRecord job, string fileId, string param, CancellationToken cancellation)
    {
        var faults = new TrainingFileErrors(param);
        if (await files.FindAsync(job.Tenant, fileId, cancellation) is not { } file)
        {
            faults.Add("file_not_found", "The file was deleted before it was read");
            return new CheckedData(0, 0, faults);
        }
        int count = 0;
        await using (var content = await files.OpenReadAsync(file, cancellation))
        {
            await foreach (var line in JsonLines.ReadAsync(content, limits.MaxLineBytes, cancellation))
            {
                count++;
                if (TrainingLine.Fault(line, job.Method) is { } fault)
                    faults.Add($"line {line.Number}: {fault}");
            }
        }
        if (count == 0)
            faults.Add("empty_file", "The file has no examples");
        return new CheckedData(count, file.Bytes, faults);
    }

    private async Task FailAsync(FineTuningJobRecord job, string code, string message, string? param, CancellationToken cancellation)
    {
        LogRefused(logger, job.Id, code);
        var failed = await jobs.UpdateAsync(job, current =>
        {
            if (current.Status != FineTuningStatus.ValidatingFiles)
                return false;
            current.Fail(code, message, param, time.GetUtcNow());
            return true;
        }, cancellation);
        if (failed is { IsTerminal: true })
            await close.RunAsync(failed, cancellation);
    }

    private sealed record CheckedData(int NumLines, long NumBytes, TrainingFileErrors Faults);

    [LoggerMessage(EventId = 261, Level = LogLevel.Information, Message = "{Job} is planned: {Examples} examples")]
    private static partial void LogPlanned(ILogger logger, string job, int examples);

    [LoggerMessage(EventId = 262, Level = LogLevel.Information, Message = "{Job} cannot be trained: {Code}")]
    private static partial void LogRefused(ILogger logger, string job, string code);
}
