using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The records of batches and the list of those that are not terminal.</summary>
public sealed class BatchStore(StorageAccount storage, TimeProvider time)
{
    private readonly Records<ActiveRecord> _active = new(storage.Table(StorageNames.ActiveTable));

    public Records<BatchRecord> Records { get; } = new(storage.Table(StorageNames.BatchesTable));

    /// <summary>Writes a new batch, and before it the row by which a sweep finds it if everything after this fails.</summary>
    public async Task AddAsync(BatchRecord batch, CancellationToken cancellation)
    {
        batch.RowKey = SortableKey.Create(time);
        batch.CreatedAt = time.GetUtcNow();
        await _active.PutAsync(
            new ActiveRecord { PartitionKey = ActiveRecord.Partition, RowKey = ActiveRecord.Key(batch.Tenant, batch.RowKey), Tenant = batch.Tenant }, cancellation);
        await Records.AddAsync(batch, cancellation);
    }

    public async Task<BatchRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        SortableKey.Parse(id, BatchRecord.IdPrefix) is { } key ? await Records.FindAsync(tenant, key, cancellation) : null;

    /// <summary>Changes a batch that is not terminal; a terminal one stays as it is.</summary>
    public async Task<BatchRecord?> UpdateAsync(BatchRecord batch, Func<BatchRecord, bool> change, CancellationToken cancellation)
    {
        var updated = await Records.UpdateAsync(batch.Tenant, batch.RowKey, current => !current.IsTerminal && change(current), cancellation);
        if (updated is null or { IsTerminal: true })
            await _active.DeleteAsync(ActiveRecord.Partition, ActiveRecord.Key(batch.Tenant, batch.RowKey), cancellation);
        return updated;
    }

    /// <summary>Every batch that is not terminal, of all tenants.</summary>
    public async IAsyncEnumerable<BatchRecord> ListActiveAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var active in _active.ListAsync(ActiveRecord.Partition, after: null, cancellation))
        {
            string key = active.RowKey[(active.RowKey.IndexOf('|', StringComparison.Ordinal) + 1)..];
            var batch = await Records.FindAsync(active.Tenant, key, cancellation);
            bool isStale = batch is null ? active.Timestamp < time.GetUtcNow() - TimeSpan.FromMinutes(5) : batch.IsTerminal;
            if (isStale)
                await _active.DeleteAsync(active.PartitionKey, active.RowKey, cancellation);
            else if (batch is not null)
                yield return batch;
        }
    }
}
