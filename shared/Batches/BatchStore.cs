using System.Runtime.CompilerServices;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The records of batches and the list of those with something left to do.</summary>
public sealed class BatchStore(StorageAccount storage, TimeProvider time)
{
    /// <summary>A row without a batch is one that is being created, or whose creation failed. It is looked for twice: nobody looks after a batch without a row.</summary>
    private static readonly TimeSpan s_creationTime = TimeSpan.FromMinutes(5);

    public TableOf<BatchRecord> Records { get; } = new(storage.Table(StorageNames.BatchesTable));

    public TableOf<OpenBatchRow> Active { get; } = new(storage.Table(StorageNames.ActiveTable));

    /// <summary>Writes a new batch, and before it the row by which a sweep finds it if everything after this fails.</summary>
    public async Task AddAsync(BatchRecord batch, long inputBytes, CancellationToken cancellation)
    {
        batch.RowKey = SortableKey.Create(time);
        batch.CreatedAt = time.GetUtcNow();
        batch.TraceParent = TracedWork.Here;
        await Active.PutAsync(
            new OpenBatchRow { PartitionKey = OpenBatchRow.Partition, RowKey = OpenBatchRow.Key(batch.Tenant, batch.RowKey), Tenant = batch.Tenant, InputBytes = inputBytes }, cancellation);
        await Records.AddIdempotentAsync(batch, cancellation);
    }

    public async Task<BatchRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        SortableKey.Parse(id, BatchRecord.IdPrefix) is { } key ? await Records.FindAsync(tenant, key, cancellation) : null;

    /// <summary>Changes a batch that is not terminal; a terminal one stays as it is.</summary>
    public Task<BatchRecord?> UpdateAsync(BatchRecord batch, Func<BatchRecord, bool> change, CancellationToken cancellation) =>
        Records.UpdateAsync(batch.Tenant, batch.RowKey, current => !current.IsTerminal && change(current), cancellation);

    /// <summary>Notes that something is being done for a batch: its row is as young as a change makes it.</summary>
    /// <returns>The batch as it is now; null when it is gone.</returns>
    public Task<BatchRecord?> TouchAsync(BatchRecord batch, CancellationToken cancellation) => UpdateAsync(batch, _ => true, cancellation);

    /// <summary>Notes which shards there are to release. Doing it twice is doing it once.</summary>
    public Task SetPlannedAsync(BatchRecord batch, BatchPlan plan, CancellationToken cancellation) => UpdateActiveAsync(batch.Tenant, batch.RowKey, active =>
    {
        if (active.PlanId == plan.PlanId)
            return false;
        (active.Profile, active.PlanId, active.NumShards) = (plan.Profile, plan.PlanId, plan.Shards.Count);
        return true;
    }, cancellation);

    /// <summary>Notes the bytes of an input whose size is known only once it has been read.</summary>
    public Task SetInputBytesAsync(BatchRecord batch, long inputBytes, CancellationToken cancellation) => UpdateActiveAsync(batch.Tenant, batch.RowKey, active =>
    {
        active.InputBytes = inputBytes;
        return true;
    }, cancellation);

    /// <returns>Null once the batch has nothing left to do.</returns>
    public Task<OpenBatchRow?> FindActiveAsync(string tenant, string batchKey, CancellationToken cancellation) =>
        Active.FindAsync(OpenBatchRow.Partition, OpenBatchRow.Key(tenant, batchKey), cancellation);

    public Task<OpenBatchRow?> UpdateActiveAsync(string tenant, string batchKey, Func<OpenBatchRow, bool> change, CancellationToken cancellation) =>
        Active.UpdateAsync(OpenBatchRow.Partition, OpenBatchRow.Key(tenant, batchKey), change, cancellation);

    public Task DeleteActiveAsync(string tenant, string batchKey, CancellationToken cancellation) =>
        Active.DeleteAsync(OpenBatchRow.Partition, OpenBatchRow.Key(tenant, batchKey), cancellation);

    /// <summary>A tenant's batches with something left to do.</summary>
    public IAsyncEnumerable<OpenBatchRow> ListActiveAsync(string tenant, CancellationToken cancellation) =>
        Active.ListPrefixAsync(OpenBatchRow.Partition, OpenBatchRow.Prefix(tenant), cancellation);

    /// <summary>Every batch with something left to do, of all tenants.</summary>
    public IAsyncEnumerable<(OpenBatchRow Active, BatchRecord Batch)> ListActiveAsync(CancellationToken cancellation) =>
        WithBatchesAsync(Active.ListAsync(OpenBatchRow.Partition, after: null, cancellation), cancellation);

    /// <summary>Every batch of a tenant with something left to do.</summary>
    public IAsyncEnumerable<(OpenBatchRow Active, BatchRecord Batch)> ListActiveBatchesAsync(string tenant, CancellationToken cancellation) =>
        WithBatchesAsync(ListActiveAsync(tenant, cancellation), cancellation);

    private async IAsyncEnumerable<(OpenBatchRow Active, BatchRecord Batch)> WithBatchesAsync(IAsyncEnumerable<OpenBatchRow> rows, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var active in rows)
        {
            if (await Records.FindAsync(active.Tenant, active.BatchKey, cancellation) is { } batch)
                yield return (active, batch);
            else if (active.Timestamp < time.GetUtcNow() - s_creationTime && await Records.FindAsync(active.Tenant, active.BatchKey, cancellation) is null)
                await Active.DeleteAsync(active.PartitionKey, active.RowKey, cancellation);
        }
    }
}
