using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Turns;

/// <summary>
/// Sends the plan messages of a tenant's jobs, the greatest claim (<see cref="BatchTurns"/>) first, which is the oldest of equals, while
/// fewer than <see cref="PlanTurns.MaxPlansInFlight"/> are queued or in work, so that a tenant with many jobs does not delay the others.
/// Counts the jobs themselves, so no place has to be given back.
/// </summary>
/// <remarks>Two processes that fill at once may send one message too many, and each job's message once.</remarks>
internal sealed class PlanTurns<TRow, TJob>(
    OpenRows<TRow, TJob> open, Func<TJob, bool> needsPlan, Func<JobKey, CancellationToken, Task> sendAsync, TimeProvider time)
    where TRow : OpenRow, new()
    where TJob : TableRow
{
    /// <summary>Sends as many messages as the tenant has room for. Call it whenever a job is added, or needs no plan any more.</summary>
    public async Task FillAsync(string tenant, CancellationToken cancellation)
    {
        var rows = await open.ListAsync(tenant, cancellation).Where(row => !row.IsPlanned).Reverse().ToListAsync(cancellation);
        int room = PlanTurns.MaxPlansInFlight;
        foreach (var row in rows.Where(row => row.PlanSentAt is not null))
            room -= await NeedsPlanAsync(row, cancellation) ? 1 : 0;
        var now = time.GetUtcNow();
        var waiting = rows.Where(row => row.PlanSentAt is null);
        foreach (var row in waiting.OrderByDescending(row => BatchTurns.ClaimOf(row.CreatedAt, row.WeightAt(now), now)))
        {
            if (room <= 0)
                return;
            room -= await TrySendAsync(row, cancellation) ? 1 : 0;
        }
    }

    /// <summary>A job that had its turn needs another: it takes its place among those that wait.</summary>
    public async Task AgainAsync(JobKey job, CancellationToken cancellation)
    {
        await open.UpdateAsync(job, row =>
        {
            bool isSent = row.PlanSentAt is not null;
            row.PlanSentAt = null;
            return isSent;
        }, cancellation);
        await FillAsync(job.Tenant, cancellation);
    }

    private async Task<bool> NeedsPlanAsync(TRow row, CancellationToken cancellation) =>
        await open.FindJobAsync(row, cancellation) is { } job && needsPlan(job);

    private async Task<bool> TrySendAsync(TRow row, CancellationToken cancellation)
    {
        if (!await NeedsPlanAsync(row, cancellation))
            return false;
        var update = await open.UpdateAsync(row.Job, current =>
        {
            bool isFirst = current.PlanSentAt is null;
            current.PlanSentAt ??= time.GetUtcNow();
            return isFirst;
        }, cancellation);
        if (update.Written)
            await sendAsync(row.Job, cancellation);
        return update.Row is not null;
    }
}

/// <summary>The turns of batches and of fine-tuning jobs.</summary>
internal static class PlanTurns
{
    /// <summary>Plans of a tenant that are queued or in work: half of what a host works on at a time.</summary>
    public const int MaxPlansInFlight = 2;

    public static PlanTurns<OpenBatchRow, BatchRecord> Of(BatchStore batches, WorkQueues queues, TimeProvider time) =>
        new(batches.Open, batch => batch.Status == BatchStatus.Validating, queues.SendPlanAsync, time);

    public static PlanTurns<OpenFineTuningRow, FineTuningJobRecord> Of(FineTuningStore jobs, WorkQueues queues, TimeProvider time) =>
        new(jobs.Open, job => job.Status == FineTuningStatus.ValidatingFiles, queues.SendPlanTrainingAsync, time);
}
