using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>
/// The last steps of an ended job. A sweep repeats them until all are done, so each is idempotent. Nothing is reported after the last one.
/// </summary>
internal sealed class FineTuningClosing(
    FineTuningStore jobs, FineTuningEvents events, DeliverWebhookHandler webhooks, FineTunedModels tuned, FileStore files,
    TrainingTurns turns)
{
    public async Task RunAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        TracedWork.SetStatus(job.Status);
        if (job.Status != FineTuningStatus.Succeeded)
            await WithdrawResultAsync(job, cancellation);
        if (await jobs.Open.FindAsync(job.Key, cancellation) is null)
            return;
        await events.AddAsync(job, EndOf(job), cancellation);
        await tuned.DeleteLeftoversAsync(job, mayRun: true, cancellation);
        await webhooks.SendAsync(job, cancellation);
        await jobs.Open.DeleteAsync(job.Key, cancellation);
        await turns.FillAsync(job.Tenant, cancellation);    // its place is free
    }

    private static FineTuningEvent EndOf(FineTuningJobRecord job)
    {
        string message = job.Status switch
        {
            FineTuningStatus.Succeeded => $"The job has succeeded; the model is {job.FineTunedModel}",
            FineTuningStatus.Failed => $"The job has failed: {job.ErrorMessage}",
            _ => "The job was cancelled",
        };
        return new FineTuningEvent(FineTuningEventKind.Ended, message)
        {
            Step = Math.Max(job.Step, job.CheckpointStep),
            Run = job.RunNumber,
            Level = job.Status == FineTuningStatus.Failed ? "error" : "info",
        };
    }

    /// <summary>A finish publishes the result before it ends the job, which may have ended otherwise in between, and been closed.</summary>
    internal async Task WithdrawResultAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        await tuned.RemoveResultAsync(job, cancellation);
        if (job.ResultFileKey is { } key)
            await files.DeleteAsync(job.Tenant, key, cancellation);
    }
}
