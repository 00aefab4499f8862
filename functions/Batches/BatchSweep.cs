using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Checks every batch with something left to do and sends lost messages again. States are written before their messages, so a process that
/// dies in between leaves a state that this timer finds. Messages may be sent twice.
/// </summary>
internal sealed class BatchSweep(
    BatchStore batches, StalledBatches stalled, PlanTurns<OpenBatchRow, BatchRecord> turns, ShardDispatcher dispatcher, RowByRow rows)
{
    /// <summary>The interval of the timer.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private const string Name = "sweep";

    public async Task RunAsync(CancellationToken cancellation)
    {
        HashSet<string> unplanned = [], undispatched = [];
        await foreach (var open in batches.Open.ListAsync(tenant: null, cancellation))
        {
            await rows.TryAsync(Name, BatchRecord.IdPrefix + open.Job.RowKey, () => CheckAsync(open, cancellation), cancellation);
            if (open is { IsPlanned: false, PlanSentAt: null })
                unplanned.Add(open.Tenant);
            if (open.HasUndispatched)
                undispatched.Add(open.Tenant);
        }
        foreach (string tenant in unplanned)
            await rows.TryAsync(Name, tenant, () => turns.FillAsync(tenant, cancellation), cancellation);
        foreach (string tenant in undispatched)
            await rows.TryAsync(Name, tenant, () => dispatcher.FillWindowAsync(tenant, cancellation), cancellation);
    }

    private async Task CheckAsync(OpenBatchRow open, CancellationToken cancellation)
    {
        if (await batches.Open.FindJobAsync(open, cancellation) is { } batch)
            await stalled.CheckAsync(open, batch, cancellation);
    }
}
