using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>Cancels a job; its checkpoints are kept. A run stops at its next write. The functions close the job.</summary>
public sealed class FineTuningCancellation(FineTuningStore jobs, TimeProvider time)
{
    /// <returns>The job as it is now, and whether this call cancelled it: an ended job is unchanged.</returns>
    public Task<RowUpdate<FineTuningJobRecord>> RunAsync(FineTuningJobRecord job, CancellationToken cancellation) =>
        jobs.UpdateAsync(job, current => current.TryCancel(time.GetUtcNow()), cancellation);
}
