using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Worker.Jobs;

namespace LLaDA.Batch.Worker.Training;

/// <summary>Polls whether a run is still wanted.</summary>
internal sealed class TrainingWatch : IAsyncDisposable
{
    /// <summary>How soon a run notices that its job was paused or cancelled.</summary>
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(3);

    private readonly JobWatch _watch;
    private volatile bool _isPaused;

    public TrainingWatch(FineTuningStore jobs, FineTuningJobRecord run, TimeProvider time) =>
        _watch = new JobWatch(stop => IsWantedAsync(jobs, run, stop), s_interval, time);

    /// <summary>Cancelled when the job has ended or a later run has begun.</summary>
    public CancellationToken Unwanted => _watch.Unwanted;

    /// <summary>
    /// Whether the run must write a checkpoint and stop: the job is paused, or was paused and is queued again for the next run.
    /// </summary>
    public bool IsPaused => _isPaused;

    public ValueTask DisposeAsync() => _watch.DisposeAsync();

    private async Task<bool> IsWantedAsync(FineTuningStore jobs, FineTuningJobRecord run, CancellationToken cancellation)
    {
        var current = await jobs.FindAsync(run.Key, cancellation);
        _isPaused = current?.Status is FineTuningStatus.Paused or FineTuningStatus.Queued;
        return current is { Status: FineTuningStatus.Running or FineTuningStatus.Paused or FineTuningStatus.Queued }
            && current.RunNumber == run.RunNumber;
    }
}
