using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Worker.Training;

/// <summary>Looks every few seconds whether a run is still wanted.</summary>
internal sealed class TrainingWatch : IAsyncDisposable
{
    private readonly CancellationTokenSource _unwanted = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _watching;
    private volatile bool _isPaused;

    public TrainingWatch(FineTuningStore jobs, FineTuningJobRecord job, TimeProvider time) => _watching = WatchAsync(jobs, job, time);

    /// <summary>Cancelled when the job has ended or another run has begun.</summary>
    public CancellationToken Unwanted => _unwanted.Token;

    /// <summary>Whether the run is to make a checkpoint and stop: the job is paused, or was and is queued again, so that the next run goes on from there.</summary>
    public bool IsPaused => _isPaused;

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _watching;
        _unwanted.Dispose();
        _ended.Dispose();
    }

    private async Task WatchAsync(FineTuningStore jobs, FineTuningJobRecord job, TimeProvider time)
    {
        using var timer = new PeriodicTimer(BatchTimes.CancelCheckInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_ended.Token))
            {
                if (!await IsWantedAsync(jobs, job))
                {
                    await _unwanted.CancelAsync();
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The run is done.
        }
    }

    private async Task<bool> IsWantedAsync(FineTuningStore jobs, FineTuningJobRecord job)
    {
        try
        {
            var current = await jobs.FindAsync(job.Key, _ended.Token);
            _isPaused = current?.Status is FineTuningStatus.Paused or FineTuningStatus.Queued;
            return current is { Status: FineTuningStatus.Running or FineTuningStatus.Paused or FineTuningStatus.Queued } && current.RunNumber == job.RunNumber;
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            return true;    // storage does not answer: look again
        }
    }
}
