using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Uploads;

/// <summary>The records of uploads and of their parts.</summary>
internal sealed class UploadStore(StorageAccount storage)
{
    public TableOf<UploadRecord> Records { get; } = new(storage.Table(StorageNames.UploadsTable));

    public TableOf<UploadPartRecord> Parts { get; } = new(storage.Table(StorageNames.UploadsTable));

    /// <param name="id">As given by a client.</param>
    public async Task<UploadRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        SortableKey.Parse(id, UploadRecord.IdPrefix) is { } key ? await Records.FindAsync(tenant, key, cancellation) : null;

    public Task<RowUpdate<UploadRecord>> UpdateAsync(
        UploadRecord upload, Func<UploadRecord, bool> change, CancellationToken cancellation) =>
        Records.UpdateAsync(upload.Tenant, upload.RowKey, change, cancellation);

    /// <summary>The parts of an upload by their keys.</summary>
    public async Task<IReadOnlyDictionary<string, UploadPartRecord>> ListPartsAsync(
        UploadRecord upload, CancellationToken cancellation) =>
        await Parts.ListAsync(UploadPartRecord.Partition(upload), after: null, cancellation)
            .ToDictionaryAsync(part => part.RowKey, StringComparer.Ordinal, cancellation);

    public async Task DeletePartsAsync(UploadRecord upload, CancellationToken cancellation)
    {
        await foreach (var part in Parts.ListAsync(UploadPartRecord.Partition(upload), after: null, cancellation))
            await Parts.DeleteAsync(part.PartitionKey, part.RowKey, cancellation);
    }
}
