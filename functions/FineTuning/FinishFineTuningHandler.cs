using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>
/// Ends a job whose last checkpoint has been published: its metrics become a file, its last checkpoint the result, a model that the next batch can name. May be killed and restarted
/// at any point.
/// </summary>
internal sealed partial class FinishFineTuningHandler(
    FineTuningStore jobs, FineTunedModels tuned, FileStore files, FineTuningClosing close, TimeProvider time, ILogger<FinishFineTuningHandler> logger)
{
    /// <summary>How long nothing but failing to finish may happen to a job before it is given up.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromHours(1);

    public async Task RunAsync(TrainingMessage message, CancellationToken cancellation)
    {
        if (await jobs.Records.FindAsync(message.Tenant, message.Job, cancellation) is not { } job)
            return;
        if (job.IsTerminal)
            await TracedWork.RunAsync("finish-training", job.Id, job.TraceParent, () => close.RunAsync(job, cancellation));
        else if (job.HasLastCheckpoint)
            await TracedWork.RunAsync("finish-training", job.Id, job.TraceParent, () => SucceedAsync(job, cancellation));
    }

    /// <summary>What happens when finishing has failed five times: a sweep sends it again, until it has failed for too long. The checkpoints stay.</summary>
    public async Task GiveUpAsync(TrainingMessage message, CancellationToken cancellation)
    {
        if (await jobs.Records.FindAsync(message.Tenant, message.Job, cancellation) is not { IsTerminal: false } job || time.GetUtcNow() - job.Timestamp < s_patience)
            return;
        var failed = await jobs.UpdateAsync(job, current =>
        {
            current.Fail("finishing_failed", "The server failed to register the result again and again; the checkpoints are kept", param: null, time.GetUtcNow());
            return true;
        }, cancellation);
        if (failed is not null)
            await TracedWork.RunAsync("finish-training", job.Id, job.TraceParent, () => close.RunAsync(failed, cancellation));
    }

    private async Task SucceedAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        if (await tuned.FindLastCheckpointAsync(job, cancellation) is not { } from)
            return;     // called too early: whoever registers it calls again, and a sweep sees to it that somebody does
        var metrics = await files.AddAsync(job.Tenant, job.ResultFileKey!, $"{job.Id}_metrics.csv", FilePurpose.FineTuneResults, expiresAt: null, cancellation);
        await tuned.AddResultAsync(job, from, cancellation);
        var succeeded = await jobs.UpdateAsync(job, current =>
        {
            (current.Status, current.FinishedAt, current.EstimatedFinishAt) = (FineTuningStatus.Succeeded, time.GetUtcNow(), null);
            (current.FineTunedModel, current.ResultFileId) = (FineTunedModels.NameOf(current), metrics.Id);
            return true;
        }, cancellation);
        if (succeeded is null)
            return;
        LogEnded(logger, succeeded.Id, succeeded.Status);
        await close.RunAsync(succeeded, cancellation);
    }

    [LoggerMessage(EventId = 263, Level = LogLevel.Information, Message = "{Job} is {Status}")]
    private static partial void LogEnded(ILogger logger, string job, FineTuningStatus status);
}
