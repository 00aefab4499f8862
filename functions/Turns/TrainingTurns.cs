using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;

namespace LLaDA.Batch.Functions.Turns;

/// <summary>
/// Sends the messages of a tenant's planned trainings to their workers, oldest first, while fewer than
/// <see cref="ServiceLimits.MaxTrainingsAtOnce"/> of a profile are queued or running.
/// </summary>
internal sealed class TrainingTurns(FineTuningStore jobs, WorkQueues queues, ServiceLimits limits, TimeProvider time)
{
    /// <summary>The turns of plans, which come before.</summary>
    public PlanTurns<OpenFineTuningRow, FineTuningJobRecord> Plans { get; } = PlanTurns.Of(jobs, queues, time);

    /// <summary>Sends as many messages as the tenant has room for. Call it whenever a training is planned, ends or is paused.</summary>
    public async Task FillAsync(string tenant, CancellationToken cancellation)
    {
        List<FineTuningJobRecord> ready = [];
        await foreach (var (_, job) in jobs.Open.ListJobsAsync(tenant, cancellation))
        {
            if (job.Status is FineTuningStatus.Queued or FineTuningStatus.Running)
                ready.Add(job);
        }
        foreach (var profile in ready.GroupBy(job => job.Profile!))
        {
            int room = limits.MaxTrainingsAtOnce - profile.Count(job => job.QueuedAt is not null);
            foreach (var job in profile.Where(job => job.QueuedAt is null).Reverse())
            {
                if (room <= 0)
                    break;
                room -= await TrySendAsync(job, cancellation) ? 1 : 0;
            }
        }
    }

    private async Task<bool> TrySendAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        var update = await jobs.UpdateAsync(job, current => current.TrySend(time.GetUtcNow()), cancellation);
        if (update.Written)
            await queues.SendTrainAsync(update.Row!.Profile!, job.Key, cancellation);
        return update.Row?.QueuedAt is not null;
    }
}
