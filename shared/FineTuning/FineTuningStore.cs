using Azure;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>The records of fine-tuning jobs and the list of those with something left to do.</summary>
public sealed class FineTuningStore
{
    private readonly TimeProvider _time;

    public FineTuningStore(StorageAccount storage, TimeProvider time)
    {
        _time = time;
        Records = new TableOf<FineTuningJobRecord>(storage.Table(StorageNames.FineTuningTable));
        Open = new OpenRows<OpenFineTuningRow, FineTuningJobRecord>(storage, OpenFineTuningRow.Partition, Records, time);
    }

    public TableOf<FineTuningJobRecord> Records { get; }

    public OpenRows<OpenFineTuningRow, FineTuningJobRecord> Open { get; }

    /// <summary>Writes a new job, and before it the row by which a sweep finds it if everything after this fails.</summary>
    /// <returns>False when a job of that key exists already.</returns>
    public async Task<bool> AddAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        job.CreatedAt = _time.GetUtcNow();
        job.TraceParent = TracedWork.CurrentTraceParent;
        await Open.PutAsync(job.Key, new OpenFineTuningRow(), cancellation);
        try
        {
            await Records.AddAsync(job, cancellation);
            return true;
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            return false;
        }
    }

    public Task<FineTuningJobRecord?> FindAsync(JobKey key, CancellationToken cancellation) =>
        Records.FindAsync(key.Tenant, key.RowKey, cancellation);

    /// <param name="id">As given by a client.</param>
    public async Task<FineTuningJobRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        SortableKey.Parse(id, FineTuningJobRecord.IdPrefix) is { } key ? await Records.FindAsync(tenant, key, cancellation) : null;

    /// <summary>Changes a job that has not ended; an ended job never changes.</summary>
    /// <param name="change">Returns whether to write the change: a transition of the record.</param>
    public Task<RowUpdate<FineTuningJobRecord>> UpdateAsync(
        FineTuningJobRecord job, Func<FineTuningJobRecord, bool> change, CancellationToken cancellation) =>
        Records.UpdateAsync(job.Tenant, job.RowKey, current => !current.IsTerminal && change(current), cancellation);

    /// <summary>Heartbeat: refreshes the row's timestamp so the sweep leaves the job alone.</summary>
    public Task TouchAsync(FineTuningJobRecord job, CancellationToken cancellation) => UpdateAsync(job, _ => true, cancellation);

    /// <summary>Changes a job on behalf of its run <see cref="FineTuningJobRecord.RunNumber"/>.</summary>
    /// <param name="run">The job as its run knows it.</param>
    /// <param name="change">A transition of a run: false when the run may not write.</param>
    /// <returns>The job with the change.</returns>
    /// <exception cref="StaleRunException">A later run has begun, or the job has ended: nothing was written.</exception>
    public async Task<FineTuningJobRecord> UpdateRunAsync(
        FineTuningJobRecord run, Func<FineTuningJobRecord, bool> change, CancellationToken cancellation)
    {
        var update = await UpdateAsync(run, change, cancellation);
        return update.Written ? update.Row! : throw new StaleRunException(run.Id, run.RunNumber);
    }

    /// <exception cref="StaleRunException">A later run has begun, or the job has ended.</exception>
    public async Task RequireCurrentAsync(FineTuningJobRecord run, CancellationToken cancellation)
    {
        if (await FindAsync(run.Key, cancellation) is not { } current || !current.IsWritableBy(run.RunNumber))
            throw new StaleRunException(run.Id, run.RunNumber);
    }
}
