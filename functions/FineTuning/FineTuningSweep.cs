using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>Looks after every fine-tuning job that has something left to do and sends again what may have been lost. Sending twice is harmless.</summary>
public sealed partial class FineTuningSweep(
    FineTuningStore jobs, FineTunedModels tuned, FineTuningClosing close, WorkQueues queues, StorageAccount storage, TimeProvider time, ILogger<FineTuningSweep> logger)
{
    /// <summary>How long nothing may happen to a job before it counts as forgotten.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    public async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var job in jobs.ListActiveAsync(cancellation))
            await LookAfterAsync(job, cancellation);
    }

    private async Task LookAfterAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        bool isQuiet = time.GetUtcNow() - (job.Timestamp ?? time.GetUtcNow()) > s_patience;
        if (job.IsTerminal)
        {
            await close.RunAsync(job, cancellation);
        }
        else if (!isQuiet || job.Status == FineTuningStatus.Paused)
        {
            return;
        }
        else if (job.Status == FineTuningStatus.ValidatingFiles)
        {
            await PlanAgainAsync(job, cancellation);
        }
        else if (job.HasLastCheckpoint && await tuned.FindLastCheckpointAsync(job, cancellation) is not null)
        {
            LogResent(logger, job.Id, StorageNames.FinishTrainingQueue);
            await queues.SendFinishTrainingAsync(job.Tenant, job.RowKey, cancellation);
        }
        else
        {
            await TrainAgainAsync(job, cancellation);
        }
    }

    /// <summary>Only when the queue holds nothing as old as the job's last move, and once in the time that a job may be quiet.</summary>
    private async Task PlanAgainAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        if (!await queues.HasDrainedAsync(StorageNames.PlanTrainingQueue, job.Timestamp ?? job.CreatedAt, cancellation))
            return;
        LogResent(logger, job.Id, StorageNames.PlanTrainingQueue);
        await jobs.TouchAsync(job, cancellation);
        await queues.SendPlanTrainingAsync(job.Tenant, job.RowKey, cancellation);
    }

    /// <summary>Only when the queue holds nothing that old and nobody trains the job. A run that finds the last checkpoint published has only to register it.</summary>
    private async Task TrainAgainAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        string queue = StorageNames.TrainQueue(job.Profile!);
        if (!await queues.HasDrainedAsync(queue, job.QueuedAt ?? job.CreatedAt, cancellation) || await new FineTuningBlobs(storage, job).IsLeasedAsync(cancellation))
            return;
        LogResent(logger, job.Id, queue);
        await jobs.UpdateAsync(job, current =>
        {
            current.QueuedAt = time.GetUtcNow();
            return true;
        }, cancellation);
        await queues.SendTrainAsync(job.Profile!, job.Tenant, job.RowKey, cancellation);
    }

    [LoggerMessage(EventId = 264, Level = LogLevel.Warning, Message = "{Job} has not moved for a while; sent to queue {Queue} again")]
    private static partial void LogResent(ILogger logger, string job, string queue);
}
