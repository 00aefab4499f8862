using Azure;
using Azure.Identity;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Training;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Training;

/// <summary>
/// Trains a fine-tuning job from its last published checkpoint on. May be called twice for the same job, even at once: the lease lets one run train at a time, and every write of a
/// run names its run, so that one which wakes up after its lease was lost changes nothing.
/// </summary>
public sealed partial class TrainingMessageHandler(
    FineTuningStore jobs, FineTuningEvents events, FineTunedModels tuned, TrainingRun runner, StorageAccount storage, WorkQueues queues, WorkerOptions options, TimeProvider time, ILogger<TrainingMessageHandler> logger)
{
    /// <summary>Runs that may end without a word or an excuse before the next checkpoint.</summary>
    private const int MaxFailedRuns = 3;

    /// <param name="stop">The worker shuts down, or the message is somebody else's.</param>
    public async Task RunAsync(TrainingMessage message, CancellationToken stop)
    {
        if (await jobs.Records.FindAsync(message.Tenant, message.Job, stop) is not { Status: FineTuningStatus.Queued or FineTuningStatus.Running, Profile: not null } job)
            return;
        await TracedWork.RunAsync("train", job.Id, job.TraceParent, () => RunAsync(job, stop));
    }

    private async Task RunAsync(FineTuningJobRecord job, CancellationToken stop)
    {
        await using var lease = await AcquireAsync(await new FineTuningBlobs(storage, job).LeaseAsync(stop), stop);
        if (await BeginAsync(job, stop) is not { } run)
            return;
        try
        {
            var trained = await runner.RunAsync(run, lease.Lost, stop);
            if (trained.HasLastCheckpoint)
                await queues.SendFinishTrainingAsync(trained.Tenant, trained.RowKey, CancellationToken.None);
        }
        catch (StaleRunException exception)
        {
            LogStale(logger, exception.Message);
            // The job may have been closed while this run still uploaded a checkpoint.
            if (await jobs.Records.FindAsync(run.Tenant, run.RowKey, CancellationToken.None) is { IsTerminal: true } ended)
                await tuned.DeleteLeftoversAsync(ended, CancellationToken.None);
        }
        catch (Exception failure) when (Reason(failure) is { } reason)
        {
            await FailAsync(run, reason.Code, reason.Message, reason.Param);
        }
        catch (Exception failure) when (IsExcuse(failure))
        {
            await ExcuseAsync(run);
            throw;
        }
    }

    /// <summary>Takes the next epoch. Counted before the work: a process that dies tells nobody.</summary>
    /// <returns>Null when there is nothing to train.</returns>
    private async Task<FineTuningJobRecord?> BeginAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        bool isBegun = false, isGivenUp = false;
        var begun = await jobs.UpdateAsync(job, current =>
        {
            (isBegun, isGivenUp) = (false, false);
            if (current.Status is not (FineTuningStatus.Queued or FineTuningStatus.Running))
                return false;
            isGivenUp = current.FailedRuns >= MaxFailedRuns;
            if (isGivenUp)
                current.Fail("server_error", $"The training ended {MaxFailedRuns} times without a word and made no checkpoint; those before are kept", param: null, time.GetUtcNow());
            else
                (isBegun, current.Status, current.RunNumber, current.FailedRuns, current.Step) = (true, FineTuningStatus.Running, current.RunNumber + 1, current.FailedRuns + 1, current.CheckpointStep);
            return true;
        }, cancellation);
        if (isGivenUp)
            await queues.SendFinishTrainingAsync(job.Tenant, job.RowKey, cancellation);
        if (!isBegun)
            return null;
        LogBegun(logger, begun!.Id, begun.RunNumber, begun.CheckpointStep);
        string message = begun.CheckpointStep == 0 ? "Training has started" : $"Training goes on from the checkpoint of step {begun.CheckpointStep}";
        await events.AddAsync(begun, begun.CheckpointStep, begun.RunNumber, FineTuningEventKind.Started, message, cancellation);
        return begun;
    }

    private async Task<RenewedLease> AcquireAsync(BlobLeaseClient lease, CancellationToken cancellation)
    {
        try
        {
            await lease.AcquireAsync(options.LeaseDuration, cancellationToken: cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            throw new TryAgainException(options.LeaseDuration / 4, "another run trains the job");
        }
        return new RenewedLease(options.LeaseDuration, token => lease.RenewAsync(cancellationToken: token), time, "training", () => lease.ReleaseAsync());
    }

    /// <summary>What no further run would change; null for everything else.</summary>
    private static (string Code, string Message, string? Param)? Reason(Exception failure) => failure switch
    {
        TrainingFileException exception => (exception.Code, exception.Message, exception.Param),
        TrainingDivergedException exception => ("training_diverged", exception.Message, null),
        TrainingMemoryException exception => ("model_too_large", exception.Message, "model"),
        CheckpointException exception => ("model_not_usable", exception.Message, "model"),
        _ => null,
    };

    /// <summary>A shutdown, a lost lease and failing storage are not the job's fault. A full disk may be: a job that fits no worker's disk has to end at last.</summary>
    private static bool IsExcuse(Exception failure) => failure is OperationCanceledException or RequestFailedException or AggregateException or HttpRequestException or AuthenticationFailedException;

    private async Task FailAsync(FineTuningJobRecord run, string code, string message, string? param)
    {
        LogFailed(logger, run.Id, code);
        try
        {
            await jobs.UpdateAsync(run, run.RunNumber, current =>
            {
                current.Fail(code, message, param, time.GetUtcNow());
                return true;
            }, CancellationToken.None);
            await queues.SendFinishTrainingAsync(run.Tenant, run.RowKey, CancellationToken.None);
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
            await jobs.UpdateAsync(run, run.RunNumber, current =>
            {
                current.FailedRuns = Math.Max(0, current.FailedRuns - 1);
                return true;
            }, CancellationToken.None);
        }
        catch (StaleRunException exception)
        {
            LogStale(logger, exception.Message);
        }
    }

    [LoggerMessage(EventId = 321, Level = LogLevel.Information, Message = "{Job}: run {Run} goes on from step {Step}")]
    private static partial void LogBegun(ILogger logger, string job, int run, int step);

    [LoggerMessage(EventId = 322, Level = LogLevel.Warning, Message = "A run stops: {Reason}")]
    private static partial void LogStale(ILogger logger, string reason);

    [LoggerMessage(EventId = 323, Level = LogLevel.Error, Message = "{Job} has failed: {Code}")]
    private static partial void LogFailed(ILogger logger, string job, string code);
}
