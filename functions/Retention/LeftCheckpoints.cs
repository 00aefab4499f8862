using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>
/// What a run wrote that was still at work when its job ended, and was killed before it cleaned up: by now no run of the job is alive.
/// </summary>
internal sealed class LeftCheckpoints(FineTuningStore jobs, FineTunedModels tuned, FineTuningClosing closing, RowByRow rows) : IPurge
{
    public async Task RunAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        string filter = RetentionFilter.Between(
            nameof(FineTuningJobRecord.FinishedAt), now - RetentionOptions.LookedForLeftovers, now - RetentionOptions.RunsAlive);
        await foreach (var job in jobs.Records.ScanAsync(filter, cancellation))
            await rows.TryAsync(RetentionTimer.Name, job.Id, () => DeleteAsync(job, cancellation), cancellation);
    }

    private async Task DeleteAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        if (job.Status != FineTuningStatus.Succeeded)
            await closing.WithdrawResultAsync(job, cancellation);
        await tuned.DeleteLeftoversAsync(job, mayRun: false, cancellation);
    }
}
