using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>Decides from its record what an open job waits for, and sends its message again when it has waited too long.</summary>
internal sealed partial class StalledTrainings(
    FineTuningStore jobs,
    FineTunedModels tuned,
    FineTuningClosing closing,
    WorkQueues queues,
    StorageAccount storage,
    TimeProvider time,
    ILogger<StalledTrainings> logger)
{
    /// <summary>How long a job that is being planned may go without a heartbeat.</summary>
    private static readonly TimeSpan s_planStalledAfter = Heartbeat.Interval * 3;

    /// <summary>How long any other job may go without a change.</summary>
    private static readonly TimeSpan s_stalledAfter = TimeSpan.FromMinutes(2);

    public async Task CheckAsync(OpenFineTuningRow open, FineTuningJobRecord job, CancellationToken cancellation)
    {
        var quiet = time.GetUtcNow() - (job.Timestamp ?? time.GetUtcNow());
        if (job.IsTerminal)
        {
            await closing.RunAsync(job, cancellation);
        }
        else if (job.Status == FineTuningStatus.ValidatingFiles)
        {
            if (open.PlanSentAt is not null && quiet > s_planStalledAfter)
                await PlanAgainAsync(job, cancellation);
        }
        else if (quiet <= s_stalledAfter || job.Status == FineTuningStatus.Paused || job.QueuedAt is null)
        {
            return;     // a job that was not sent yet waits for its turn
        }
        else if (job.HasLastCheckpoint && await tuned.FindLastCheckpointAsync(job, cancellation) is not null)
        {
            LogResent(logger, job.Id, StorageNames.FinishTrainingQueue);
            await queues.SendFinishTrainingAsync(job.Key, cancellation);
        }
        else
        {
            await TrainAgainAsync(job, cancellation);
        }
    }

    /// <summary>
    /// Sends the message again when the queue holds none as old as the job's last change, and touches the job, so that a message that waits
    /// long is not sent once more.
    /// </summary>
    private async Task PlanAgainAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        if (!await queues.HasDrainedAsync(StorageNames.PlanTrainingQueue, job.Timestamp ?? job.CreatedAt, cancellation))
            return;
        LogResent(logger, job.Id, StorageNames.PlanTrainingQueue);
        await jobs.TouchAsync(job, cancellation);
        await queues.SendPlanTrainingAsync(job.Key, cancellation);
    }

    /// <summary>
    /// Sends the message again when the queue holds none that old and no run has the lease. A run that finds the last checkpoint published
    /// only registers it.
    /// </summary>
    private async Task TrainAgainAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        string queue = StorageNames.TrainQueue(job.Profile!);
        if (!await queues.HasDrainedAsync(queue, job.QueuedAt!.Value, cancellation)
            || await new FineTuningBlobs(storage, job).IsLeasedAsync(cancellation))
            return;
        LogResent(logger, job.Id, queue);
        await jobs.UpdateAsync(job, current => current.TryQueueAgain(time.GetUtcNow()), cancellation);
        await queues.SendTrainAsync(job.Profile!, job.Key, cancellation);
    }

    [LoggerMessage(EventId = 264, Level = LogLevel.Warning, Message = "{Job} has not moved for a while; sent to queue {Queue} again")]
    private static partial void LogResent(ILogger logger, string job, string queue);
}
