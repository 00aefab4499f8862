using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The records of batches and the list of those with something left to do.</summary>
public sealed class BatchStore
{
    private readonly TimeProvider _time;

    public BatchStore(StorageAccount storage, TimeProvider time)
    {
        _time = time;
        Records = new TableOf<BatchRecord>(storage.Table(StorageNames.BatchesTable));
        Open = new OpenRows<OpenBatchRow, BatchRecord>(storage, OpenBatchRow.Partition, Records, time);
    }

    public TableOf<BatchRecord> Records { get; }

    public OpenRows<OpenBatchRow, BatchRecord> Open { get; }

    /// <summary>Writes a new batch, and before it the row by which a sweep finds it if everything after this fails.</summary>
    public async Task AddAsync(BatchRecord batch, long inputBytes, CancellationToken cancellation)
    {
        batch.RowKey = SortableKey.Create(_time);
        batch.CreatedAt = _time.GetUtcNow();
        batch.TraceParent = TracedWork.CurrentTraceParent;
        await Open.PutAsync(batch.Key, new OpenBatchRow { InputBytes = inputBytes }, cancellation);
        await Records.AddIdempotentAsync(batch, cancellation);
    }

    public Task<BatchRecord?> FindAsync(JobKey key, CancellationToken cancellation) =>
        Records.FindAsync(key.Tenant, key.RowKey, cancellation);

    /// <param name="id">As given by a client.</param>
    public async Task<BatchRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        SortableKey.Parse(id, BatchRecord.IdPrefix) is { } key ? await Records.FindAsync(tenant, key, cancellation) : null;

    /// <summary>Changes a batch that is not terminal; a terminal batch never changes.</summary>
    /// <param name="change">Returns whether to write the change: a transition of the record.</param>
    public Task<RowUpdate<BatchRecord>> UpdateAsync(BatchRecord batch, Func<BatchRecord, bool> change, CancellationToken cancellation) =>
        Records.UpdateAsync(batch.Tenant, batch.RowKey, current => !current.IsTerminal && change(current), cancellation);

    /// <summary>Heartbeat: refreshes the row's timestamp so the sweep leaves the batch alone.</summary>
    public Task TouchAsync(BatchRecord batch, CancellationToken cancellation) => UpdateAsync(batch, _ => true, cancellation);

    /// <summary>Records which shards there are to dispatch. Idempotent.</summary>
    public Task SetPlannedAsync(BatchRecord batch, BatchPlan plan, CancellationToken cancellation) => Open.UpdateAsync(batch.Key, row =>
    {
        if (row.PlanId == plan.PlanId)
            return false;
        (row.Profile, row.PlanId, row.NumShards) = (plan.Profile, plan.PlanId, plan.Shards.Count);
        row.ShardSeconds = plan.Shards.Where(shard => !shard.IsRefused).Select(shard => shard.Seconds).DefaultIfEmpty().Average();
        return true;
    }, cancellation);

    /// <summary>Records the bytes of an input whose size is known only once it has been read.</summary>
    public Task SetInputBytesAsync(BatchRecord batch, long inputBytes, CancellationToken cancellation) => Open.UpdateAsync(batch.Key, row =>
    {
        row.InputBytes = inputBytes;
        return true;
    }, cancellation);
}
