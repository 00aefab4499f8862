using Azure;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>
/// Ends a job whose last checkpoint has been published: its metrics become a file, its last checkpoint the result, which the next batch can
/// name. May be killed and restarted at any point.
/// </summary>
internal sealed partial class FinishFineTuningHandler(
    FineTuningStore jobs,
    FineTunedModels tuned,
    FileStore files,
    FineTuningClosing closing,
    TimeProvider time,
    ILogger<FinishFineTuningHandler> logger)
{
    public async Task RunAsync(TrainingMessage message, CancellationToken cancellation)
    {
        if (await jobs.FindAsync(message.Key, cancellation) is not { } job)
            return;
        if (job.IsTerminal)
            await TracedWork.RunAsync("finish-training", job.Id, job.TraceParent, () => closing.RunAsync(job, cancellation));
        else if (job.HasLastCheckpoint)
            await TracedWork.RunAsync("finish-training", job.Id, job.TraceParent, () => SucceedAsync(job, cancellation));
    }

    /// <summary>Called when finishing has failed five times. A sweep sends it again, until it has failed for too long.</summary>
    public async Task GiveUpAsync(TrainingMessage message, CancellationToken cancellation)
    {
        if (await jobs.FindAsync(message.Key, cancellation) is not { IsTerminal: false } job)
            return;
        var error = new FineTuningFailure(
            "finishing_failed", "The server failed repeatedly to register the result; the checkpoints are kept");
        var update = await jobs.UpdateAsync(job, current => current.TryGiveUpFinish(error, time.GetUtcNow()), cancellation);
        if (update.Written)
            await TracedWork.RunAsync("finish-training", job.Id, job.TraceParent, () => closing.RunAsync(update.Row!, cancellation));
    }

    private async Task SucceedAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        if (await tuned.FindLastCheckpointAsync(job, cancellation) is not { } from)
            return;     // called too early: the run that registers it calls again, or the sweep does
        string? metrics = await AddMetricsAsync(job, cancellation);
        await tuned.AddResultAsync(job, from, cancellation);
        string model = FineTunedModels.NameOf(job);
        var update = await jobs.UpdateAsync(job, current => current.TrySucceed(model, metrics, time.GetUtcNow()), cancellation);
        if (update.Row is not { IsTerminal: true } ended)
            return;     // another run has begun meanwhile, or the job is gone
        LogEnded(logger, ended.Id, ended.Status);
        await closing.RunAsync(ended, cancellation);
    }

    /// <returns>The id of the file; null where storage has lost its bytes: the model is none the worse.</returns>
    private async Task<string?> AddMetricsAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        try
        {
            var metrics = await files.AddAsync(
                job.Tenant, job.ResultFileKey!, $"{job.Id}_metrics.csv", FilePurpose.FineTuneResults, expiresAt: null, cancellation);
            return metrics.Id;
        }
        catch (RequestFailedException lost) when (lost.ErrorCode == BlobErrorCode.BlobNotFound)
        {
            LogMetricsLost(logger, job.Id);
            return null;
        }
    }

    [LoggerMessage(EventId = 268, Level = LogLevel.Warning, Message = "{Job} ends without a file of its metrics, whose bytes are lost")]
    private static partial void LogMetricsLost(ILogger logger, string job);

    [LoggerMessage(EventId = 263, Level = LogLevel.Information, Message = "{Job} is {Status}")]
    private static partial void LogEnded(ILogger logger, string job, FineTuningStatus status);
}
