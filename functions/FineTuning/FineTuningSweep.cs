using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>Checks every fine-tuning job with something left to do and sends lost messages again. Messages may be sent twice.</summary>
internal sealed class FineTuningSweep(FineTuningStore jobs, StalledTrainings stalled, TrainingTurns turns, RowByRow rows)
{
    private const string Name = "sweep-training";

    public async Task RunAsync(CancellationToken cancellation)
    {
        HashSet<string> tenants = [];
        await foreach (var open in jobs.Open.ListAsync(tenant: null, cancellation))
        {
            tenants.Add(open.Tenant);
            string id = FineTuningJobRecord.IdPrefix + open.Job.RowKey;
            await rows.TryAsync(Name, id, () => CheckAsync(open, cancellation), cancellation);
        }
        foreach (string tenant in tenants)
        {
            await rows.TryAsync(Name, tenant, () => turns.Plans.FillAsync(tenant, cancellation), cancellation);
            await rows.TryAsync(Name, tenant, () => turns.FillAsync(tenant, cancellation), cancellation);
        }
    }

    private async Task CheckAsync(OpenFineTuningRow open, CancellationToken cancellation)
    {
        if (await jobs.Open.FindJobAsync(open, cancellation) is { } job)
            await stalled.CheckAsync(open, job, cancellation);
    }
}
