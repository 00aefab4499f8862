using System.Runtime.CompilerServices;
using System.Runtime.Serialization;
using Azure;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>A job with something left to do: written before the job, deleted when it has ended and everybody was told.</summary>
public sealed class OpenFineTuningRow : TableRow
{
    /// <summary>All rows share one partition: a sweep reads them in one query.</summary>
    public const string Partition = "fine_tuning";

    public string Tenant { get; set; } = "";

    [IgnoreDataMember]
    public string JobKey => RowKey[(RowKey.IndexOf('|', StringComparison.Ordinal) + 1)..];

    public static string Prefix(string tenant) => $"{tenant}|";

    public static string Key(string tenant, string jobKey) => Prefix(tenant) + jobKey;
}

/// <summary>The records of fine-tuning jobs and the list of those with something left to do.</summary>
public sealed class FineTuningStore(StorageAccount storage, TimeProvider time)
{
    /// <summary>A row without a job is one that is being created, or whose creation failed.</summary>
    private static readonly TimeSpan s_creationTime = TimeSpan.FromMinutes(5);

    private readonly TableOf<OpenFineTuningRow> _active = new(storage.Table(StorageNames.ActiveTable));

    public TableOf<FineTuningJobRecord> Records { get; } = new(storage.Table(StorageNames.FineTuningTable));

    /// <summary>Writes a new job, and before it the row by which a sweep finds it if everything after this fails.</summary>
    /// <returns>False when there is a job of that key already.</returns>
    public async Task<bool> AddAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        job.CreatedAt = time.GetUtcNow();
        job.TraceParent = TracedWork.Here;
        await _active.PutAsync(
            new OpenFineTuningRow { PartitionKey = OpenFineTuningRow.Partition, RowKey = OpenFineTuningRow.Key(job.Tenant, job.RowKey), Tenant = job.Tenant }, cancellation);
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

    public async Task<FineTuningJobRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        SortableKey.Parse(id, FineTuningJobRecord.IdPrefix) is { } key ? await Records.FindAsync(tenant, key, cancellation) : null;

    /// <summary>Changes a job that has not ended; one that has stays as it is.</summary>
    public Task<FineTuningJobRecord?> UpdateAsync(FineTuningJobRecord job, Func<FineTuningJobRecord, bool> change, CancellationToken cancellation) =>
        Records.UpdateAsync(job.Tenant, job.RowKey, current => !current.IsTerminal && change(current), cancellation);

    /// <summary>Notes that something is being done for a job: its row is as young as a change makes it.</summary>
    /// <returns>The job as it is now; null when it is gone.</returns>
    public Task<FineTuningJobRecord?> TouchAsync(FineTuningJobRecord job, CancellationToken cancellation) => UpdateAsync(job, _ => true, cancellation);

    /// <summary>Changes a job as the run of an run. The next run raises the run when it begins: until then a job that was paused, and queued again, is this run's.</summary>
    /// <exception cref="StaleRunException">A later run has begun, or the job has ended: nothing was written.</exception>
    public async Task<FineTuningJobRecord> UpdateAsync(FineTuningJobRecord job, int run, Func<FineTuningJobRecord, bool> change, CancellationToken cancellation)
    {
        bool isCurrent = false;
        var updated = await Records.UpdateAsync(job.Tenant, job.RowKey, current =>
        {
            isCurrent = current.RunNumber == run && current.Status is FineTuningStatus.Running or FineTuningStatus.Paused or FineTuningStatus.Queued;
            return isCurrent && change(current);
        }, cancellation);
        return isCurrent ? updated! : throw new StaleRunException(job.Id, run);
    }

    public Task DeleteActiveAsync(string tenant, string jobKey, CancellationToken cancellation) =>
        _active.DeleteAsync(OpenFineTuningRow.Partition, OpenFineTuningRow.Key(tenant, jobKey), cancellation);

    /// <summary>Whether a job has something left to do.</summary>
    public async Task<bool> IsActiveAsync(string tenant, string jobKey, CancellationToken cancellation) =>
        await _active.FindAsync(OpenFineTuningRow.Partition, OpenFineTuningRow.Key(tenant, jobKey), cancellation) is not null;

    /// <summary>How many jobs of a tenant have something left to do.</summary>
    public ValueTask<int> CountActiveAsync(string tenant, CancellationToken cancellation) =>
        _active.ListPrefixAsync(OpenFineTuningRow.Partition, OpenFineTuningRow.Prefix(tenant), cancellation).CountAsync(cancellation);

    /// <summary>Every job with something left to do, of all tenants.</summary>
    public IAsyncEnumerable<FineTuningJobRecord> ListActiveAsync(CancellationToken cancellation) =>
        JobsOfAsync(_active.ListAsync(OpenFineTuningRow.Partition, after: null, cancellation), cancellation);

    /// <summary>Every job of a tenant with something left to do.</summary>
    public IAsyncEnumerable<FineTuningJobRecord> ListActiveAsync(string tenant, CancellationToken cancellation) =>
        JobsOfAsync(_active.ListPrefixAsync(OpenFineTuningRow.Partition, OpenFineTuningRow.Prefix(tenant), cancellation), cancellation);

    private async IAsyncEnumerable<FineTuningJobRecord> JobsOfAsync(IAsyncEnumerable<OpenFineTuningRow> rows, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var active in rows)
        {
            if (await Records.FindAsync(active.Tenant, active.JobKey, cancellation) is { } job)
                yield return job;
            else if (active.Timestamp < time.GetUtcNow() - s_creationTime && await Records.FindAsync(active.Tenant, active.JobKey, cancellation) is null)
                await _active.DeleteAsync(active.PartitionKey, active.RowKey, cancellation);
        }
    }
}

/// <summary>The run is not the one that may write any more.</summary>
public sealed class StaleRunException(string job, int run) : Exception($"{job}: run {run} is not the current one any more");
