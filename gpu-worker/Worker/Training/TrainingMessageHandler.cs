using Azure;
using Azure.Identity;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Jobs;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reinforcement;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Training;

/// <summary>
/// Trains a fine-tuning job from its last published checkpoint. May be called twice for the same job, even concurrently: the lease admits
/// one run at a time, and every write names its run, so that a run that wakes up after it lost its lease changes nothing.
/// </summary>
internal sealed partial class TrainingMessageHandler(
    FineTuningStore jobs,
    FineTuningEvents events,
    FineTunedModels tuned,
    TrainingRun runner,
    StorageAccount storage,
    WorkQueues queues,
    JobOptions options,
    TrainingTimes times,
    TimeProvider time,
    ILogger<TrainingMessageHandler> logger)
{
    /// <param name="stop">The worker shuts down, or another worker has received the message.</param>
    public async Task RunAsync(TrainingMessage message, CancellationToken stop)
    {
        var job = await jobs.FindAsync(message.Key, stop);
        if (job is not { Status: FineTuningStatus.Queued or FineTuningStatus.Running, Profile: not null })
            return;
        await TracedWork.RunAsync("train", job.Id, job.TraceParent, () => RunAsync(job, stop));
    }

    private async Task RunAsync(FineTuningJobRecord job, CancellationToken stop)
    {
        await using var lease = await new FineTuningBlobs(storage, job).TryLeaseAsync(options.LeaseDuration, time, stop)
            ?? throw new TryAgainException(options.LeaseDuration / 4, "another run trains the job");
        if (await BeginAsync(job, stop) is not { } run)
            return;
        try
        {
            var trained = await RunTurnAsync(run, lease.Lost, stop);
            if (trained.HasLastCheckpoint)
                await queues.SendFinishTrainingAsync(trained.Key, CancellationToken.None);
        }
        catch (StaleRunException exception)
        {
            LogStale(logger, exception.Message);
            // The job may have been closed while this run still uploaded a checkpoint.
            if (await jobs.FindAsync(run.Key, CancellationToken.None) is { IsTerminal: true } ended)
                await tuned.DeleteLeftoversAsync(ended, mayRun: true, CancellationToken.None);
        }
        catch (Exception failure) when (Reason(failure) is { } reason)
        {
            await FailAsync(run, reason);
        }
        catch (Exception failure) when (IsExcuse(failure))
        {
            await ExcuseAsync(run);
            throw;
        }
    }

    /// <exception cref="TryAgainException">Its turn was over: the job goes to the end of the queue.</exception>
    private async Task<FineTuningJobRecord> RunTurnAsync(FineTuningJobRecord run, CancellationToken lost, CancellationToken stop)
    {
        string queue = StorageNames.TrainQueue(run.Profile!);
        await using var turn = new TrainingTurn(
            run.Tenant, options.Slice, times, token => queues.ListWaitingTenantsAsync(queue, token), time);
        var trained = await runner.RunAsync(run, turn, lost, stop);
        return turn.Over.IsCancellationRequested && trained is { HasLastCheckpoint: false, Status: FineTuningStatus.Running }
            ? throw new TryAgainException(TimeSpan.Zero, "its turn was over and others wait; its last step is kept")
            : trained;
    }

    /// <summary>Begins the next run, or fails the job after too many runs without a checkpoint.</summary>
    /// <returns>Null when there is nothing to train.</returns>
    private async Task<FineTuningJobRecord?> BeginAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        var tooMany = new FineTuningFailure(
            "server_error",
            $"The training stopped without a reason {FineTuningJobRecord.MaxFailedRuns} times without a new checkpoint; "
            + "earlier ones are kept");
        var update = await jobs.UpdateAsync(
            job, current => current.TryBeginRun() || current.TryGiveUpRuns(tooMany, time.GetUtcNow()), cancellation);
        if (update is { Written: true, Row.IsTerminal: true })
            await queues.SendFinishTrainingAsync(job.Key, cancellation);
        if (update is not { Written: true, Row: { IsTerminal: false } begun })
            return null;
        LogBegun(logger, begun.Id, begun.RunNumber, begun.CheckpointStep);
        string message = begun.CheckpointStep == 0
            ? "Training has started"
            : $"Training resumes from the checkpoint of step {begun.CheckpointStep}";
        var started = new FineTuningEvent(FineTuningEventKind.Started, message) { Step = begun.CheckpointStep, Run = begun.RunNumber };
        await events.AddAsync(begun, started, cancellation);
        return begun;
    }

    /// <summary>The error that would recur in every run; null for other failures.</summary>
    private static FineTuningFailure? Reason(Exception failure) => failure switch
    {
        TrainingFileException exception => new(exception.Code, exception.Message, exception.Param),
        RewardException exception => new("invalid_grader", exception.Message, "method.reinforcement.grader"),
        TrainingDivergedException exception => new("training_diverged", exception.Message),
        TrainingMemoryException exception => new("model_too_large", exception.Message, "model"),
        CheckpointException exception => new("model_not_usable", exception.Message, "model"),
        _ => null,
    };

    /// <summary>
    /// A shutdown, a lost lease and failing storage are not the job's fault. A full disk may be: a job that fits no worker's disk must
    /// end eventually.
    /// </summary>
    private static bool IsExcuse(Exception failure) => failure
        is OperationCanceledException
        or RequestFailedException
        or AggregateException
        or HttpRequestException
        or AuthenticationFailedException;

    private async Task FailAsync(FineTuningJobRecord run, FineTuningFailure error)
    {
        LogFailed(logger, run.Id, error.Code);
        try
        {
            var now = time.GetUtcNow();
            await jobs.UpdateRunAsync(run, current => current.TryFailRun(run.RunNumber, error, now), CancellationToken.None);
            await queues.SendFinishTrainingAsync(run.Key, CancellationToken.None);
        }
        catch (StaleRunException exception)
        {
            LogStale(logger, exception.Message);
        }
    }

    private async Task ExcuseAsync(FineTuningJobRecord run)
    {
        try
        {
            await jobs.UpdateRunAsync(run, current => current.TryExcuse(run.RunNumber), CancellationToken.None);
        }
        catch (StaleRunException exception)
        {
            LogStale(logger, exception.Message);
        }
    }

    [LoggerMessage(EventId = 321, Level = LogLevel.Information, Message = "{Job}: run {Run} starts at step {Step}")]
    private static partial void LogBegun(ILogger logger, string job, int run, int step);

    [LoggerMessage(EventId = 322, Level = LogLevel.Warning, Message = "Stale run stopped: {Reason}")]
    private static partial void LogStale(ILogger logger, string reason);

    [LoggerMessage(EventId = 323, Level = LogLevel.Error, Message = "{Job} has failed: {Code}")]
    private static partial void LogFailed(ILogger logger, string job, string code);
}
