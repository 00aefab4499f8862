namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>Ends a job before its time; its checkpoints are kept. A run at work finds out at its next write. Closing the job is for the functions.</summary>
public sealed class FineTuningCancellation(FineTuningStore jobs, TimeProvider time)
{
    /// <returns>The job as it is now, null when it is gone, and whether this call has ended it: a job that has ended stays as it is.</returns>
    public async Task<(FineTuningJobRecord? Job, bool IsDone)> RunAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        bool isDone = false;
        var cancelled = await jobs.UpdateAsync(job, current =>
        {
            isDone = true;
            (current.Status, current.FinishedAt, current.EstimatedFinishAt) = (FineTuningStatus.Cancelled, time.GetUtcNow(), null);
            return true;
        }, cancellation);
        return (cancelled, isDone);
    }
}
