using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>
/// Checks every line of a job's files, chooses the hyperparameters that were left to "auto" and sends the job to the workers of its model.
/// May run twice, even at once: it only reads, and the job leaves its first state once.
/// </summary>
internal sealed partial class PlanFineTuningHandler(
    FineTuningStore jobs,
    FineTuningEvents events,
    ModelCatalog models,
    TrainingFiles files,
    TrainingTurns turns,
    FineTuningClosing closing,
    TimeProvider time,
    ILogger<PlanFineTuningHandler> logger)
{
    public async Task RunAsync(TrainingMessage message, CancellationToken cancellation)
    {
        if (await jobs.FindAsync(message.Key, cancellation) is { Status: FineTuningStatus.ValidatingFiles } job)
            await TracedWork.RunAsync("plan-training", job.Id, job.TraceParent, () => RunAsync(job, cancellation));
        await turns.Plans.FillAsync(message.Tenant, cancellation);    // its place is free
    }

    /// <summary>
    /// Called when planning has failed five times. Where storage is to blame, a sweep sends it again until it has failed for an hour.
    /// </summary>
    public async Task GiveUpAsync(TrainingMessage message, CancellationToken cancellation)
    {
        if (await jobs.FindAsync(message.Key, cancellation) is not { Status: FineTuningStatus.ValidatingFiles } job)
            return;
        if (!await jobs.Open.HasPlanFailedAsync(job.Key, cancellation))
            return;
        var error = new FineTuningFailure("planning_failed", "The server failed repeatedly to read the files; try again later");
        await TracedWork.RunAsync("plan-training", job.Id, job.TraceParent, () => RefuseAsync(job, error, cancellation));
        await turns.Plans.FillAsync(job.Tenant, cancellation);
    }

    private async Task RunAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        await jobs.TouchAsync(job, cancellation);   // its message may have waited
        await using var watch = new PlanWatch(token => TouchAsync(job, token), time, cancellation);
        try
        {
            await PlanAsync(job, watch.Ended);
        }
        catch (Exception) when (watch.IsUnwanted)
        {
            LogUnwanted(logger, job.Id);
        }
        catch (Exception failure) when (!cancellation.IsCancellationRequested)
        {
            await jobs.Open.CountPlanFailureAsync(job.Key, failure, cancellation);
            throw;
        }
    }

    private async Task<bool> TouchAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        var touched = await jobs.UpdateAsync(job, _ => true, cancellation);
        return touched.Row is { Status: FineTuningStatus.ValidatingFiles };
    }

    private async Task PlanAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        var model = await models.FindAsync(job.Tenant, job.Model, cancellation);
        if (ModelError(job, model) is { } unusable)
        {
            await RefuseAsync(job, unusable, cancellation);
            return;
        }
        if (await files.ReadAsync(job, cancellation) is not { } data)
            return;     // cancelled or paused meanwhile
        if (data.Error is { } error)
            await RefuseAsync(job, error, cancellation);
        else
            await QueueAsync(job, model!, data, cancellation);
    }

    /// <returns>Null where the model can be trained so.</returns>
    /// <remarks>Rows keep at least half of the model's context; a model that has vectors already keeps as many as it has.</remarks>
    private static FineTuningFailure? ModelError(FineTuningJobRecord job, ModelRecord? model)
    {
        if (model is null)
            return new("model_not_found", $"The model '{job.Model}' does not exist any more", "model");
        return model.BaseModel.Length > 0 || !(job.NumVirtualTokens > model.ContextLength / 2)
            ? null
            : new FineTuningFailure(
                "invalid_hyperparameters",
                $"num_virtual_tokens is {job.NumVirtualTokens}; it must be at most half of the model's context of {model.ContextLength}",
                "prompt_tuning.num_virtual_tokens");
    }

    private async Task QueueAsync(FineTuningJobRecord job, ModelRecord model, FoundTrainingFiles data, CancellationToken cancellation)
    {
        var auto = AutoHyperparameters.Of(job, data.NumExamples, data.NumBytes, model.ContextLength);
        var plan = new FineTuningPlan(
            model.Profile, data.NumExamples, auto.Epochs, auto.BatchSize, auto.LearningRateMultiplier, SortableKey.Create(time))
        {
            Preference = auto.Preference,
            Reinforcement = auto.Reinforcement,
        };
        var update = await jobs.UpdateAsync(job, current => current.TryQueue(plan), cancellation);
        if (update.Row is not { Status: FineTuningStatus.Queued } queued)
            return;     // cancelled or paused meanwhile
        LogPlanned(logger, job.Id, data.NumExamples);
        string message = $"Files validated: {data.NumExamples} examples. The job is queued";
        await events.AddAsync(queued, new FineTuningEvent(FineTuningEventKind.Validated, message), cancellation);
        await turns.FillAsync(queued.Tenant, cancellation);
    }

    private async Task RefuseAsync(FineTuningJobRecord job, FineTuningFailure error, CancellationToken cancellation)
    {
        LogRefused(logger, job.Id, error.Code);
        var update = await jobs.UpdateAsync(job, current => current.TryRefuse(error, time.GetUtcNow()), cancellation);
        if (update.Row is { IsTerminal: true } ended)
            await closing.RunAsync(ended, cancellation);
    }

    [LoggerMessage(EventId = 261, Level = LogLevel.Information, Message = "{Job} is planned: {Examples} examples")]
    private static partial void LogPlanned(ILogger logger, string job, int examples);

    [LoggerMessage(EventId = 265, Level = LogLevel.Information, Message = "{Job} is not planned on: it was cancelled or paused")]
    private static partial void LogUnwanted(ILogger logger, string job);

    [LoggerMessage(EventId = 262, Level = LogLevel.Information, Message = "{Job} cannot be trained: {Code}")]
    private static partial void LogRefused(ILogger logger, string job, string code);
}
