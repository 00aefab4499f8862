using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>What is left to do when a job has ended. A sweep does it again until it was done to its end, so everything in here may happen twice; after that nothing is told.</summary>
public sealed class FineTuningClosing(FineTuningStore jobs, FineTuningEvents events, DeliverWebhookHandler webhooks, FineTunedModels tuned, FileStore files)
{
    public async Task RunAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        TracedWork.SetStatus(job.Status);
        if (job.Status != FineTuningStatus.Succeeded)
            await WithdrawResultAsync(job, cancellation);
        if (!await jobs.IsActiveAsync(job.Tenant, job.RowKey, cancellation))
            return;
        var (level, message) = job.Status switch
        {
            FineTuningStatus.Succeeded => ("info", $"The job has succeeded; the model is {job.FineTunedModel}"),
            FineTuningStatus.Failed => ("error", $"The job has failed: {job.ErrorMessage}"),
            _ => ("info", "The job was cancelled"),
        };
        await events.AddAsync(job, Math.Max(job.Step, job.CheckpointStep), job.RunNumber, FineTuningEventKind.Ended, message, cancellation, level);
        await tuned.DeleteLeftoversAsync(job, cancellation);
        await webhooks.SendAsync(job, cancellation);
        await jobs.DeleteActiveAsync(job.Tenant, job.RowKey, cancellation);
    }

    /// <summary>A finish makes the result visible before it ends the job, and the job may have been ended otherwise in between, and closed.</summary>
    private async Task WithdrawResultAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        await tuned.RemoveResultAsync(job, cancellation);
        if (job.ResultFileKey is { } key)
            await files.DeleteAsync(job.Tenant, key, cancellation);
    }
}
