using System.Runtime.CompilerServices;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>The jobs of one kind that have something left to do.</summary>
/// <param name="partition">Shared by all rows of the kind: a sweep reads them in one query.</param>
/// <param name="jobs">The records of the jobs.</param>
public sealed class OpenRows<TRow, TJob>(StorageAccount storage, string partition, TableOf<TJob> jobs, TimeProvider time)
    where TRow : OpenRow, new()
    where TJob : TableRow
{
    /// <summary>A row without a job belongs to a job that is being created, or whose creation failed.</summary>
    private static readonly TimeSpan s_creationTime = TimeSpan.FromMinutes(5);

    private readonly TableOf<TRow> _rows = new(storage.Table(StorageNames.ActiveTable));

    /// <summary>Writes the row of a job that is about to be created.</summary>
    public Task PutAsync(JobKey job, TRow row, CancellationToken cancellation)
    {
        (row.PartitionKey, row.RowKey, row.Tenant) = (partition, OpenRow.Key(job), job.Tenant);
        return _rows.PutAsync(row, cancellation);
    }

    /// <returns>Null once the job has nothing left to do.</returns>
    public Task<TRow?> FindAsync(JobKey job, CancellationToken cancellation) =>
        _rows.FindAsync(partition, OpenRow.Key(job), cancellation);

    public Task<RowUpdate<TRow>> UpdateAsync(JobKey job, Func<TRow, bool> change, CancellationToken cancellation) =>
        _rows.UpdateAsync(partition, OpenRow.Key(job), change, cancellation);

    public Task DeleteAsync(JobKey job, CancellationToken cancellation) =>
        _rows.DeleteAsync(partition, OpenRow.Key(job), cancellation);

    /// <param name="tenant">Null lists the rows of all tenants.</param>
    public IAsyncEnumerable<TRow> ListAsync(string? tenant, CancellationToken cancellation) =>
        tenant is null
            ? _rows.ListAsync(partition, after: null, cancellation)
            : _rows.ListPrefixAsync(partition, OpenRow.Prefix(tenant), cancellation);

    /// <summary>
    /// Counts a failure of planning a job. A count that fails itself is left out: storage is to blame then.
    /// </summary>
    public async Task CountPlanFailureAsync(JobKey job, Exception failure, CancellationToken cancellation)
    {
        try
        {
            await UpdateAsync(job, row => row.TryCountPlanFailure(StorageFault.Is(failure), time.GetUtcNow()), cancellation);
        }
        catch (Exception count) when (StorageFault.Is(count))
        {
            // The caller reports the failure of planning.
        }
    }

    /// <summary>Whether planning has failed for good. Where no failure was counted, storage has failed from now on.</summary>
    public async Task<bool> HasPlanFailedAsync(JobKey job, CancellationToken cancellation)
    {
        var update = await UpdateAsync(
            job, row => row.PlanFailedAt is null && row.TryCountPlanFailure(isStorages: true, time.GetUtcNow()), cancellation);
        return update.Row is null || update.Row.HasPlanFailed(time.GetUtcNow());
    }

    /// <summary>The job of a row. Deletes a row whose job's creation failed.</summary>
    public async Task<TJob?> FindJobAsync(TRow row, CancellationToken cancellation)
    {
        if (await jobs.FindAsync(row.Job.Tenant, row.Job.RowKey, cancellation) is { } job)
            return job;
        // The job is looked for twice before its row goes: a job without a row is never swept.
        if (row.Timestamp < time.GetUtcNow() - s_creationTime
            && await jobs.FindAsync(row.Job.Tenant, row.Job.RowKey, cancellation) is null)
            await _rows.DeleteAsync(row.PartitionKey, row.RowKey, cancellation);
        return null;
    }

    /// <summary>The rows with their jobs. Deletes rows whose creation failed.</summary>
    /// <param name="tenant">Null lists the jobs of all tenants.</param>
    public async IAsyncEnumerable<(TRow Row, TJob Job)> ListJobsAsync(
        string? tenant, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var row in ListAsync(tenant, cancellation))
        {
            if (await FindJobAsync(row, cancellation) is { } job)
                yield return (row, job);
        }
    }
}
