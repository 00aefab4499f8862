using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Files;

/// <summary>Files and their bytes. The record is written last: a listed file is complete.</summary>
public sealed class FileStore(StorageAccount storage, TimeProvider time)
{
    private readonly BlobContainerClient _container = storage.Container(StorageNames.FilesContainer);

    public TableOf<FileRecord> Records { get; } = new(storage.Table(StorageNames.FilesTable));

    public string NewKey() => SortableKey.Create(time);

    public async Task<FileRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        SortableKey.Parse(id, FileRecord.IdPrefix) is { } key
        && await Records.FindAsync(tenant, key, cancellation) is { } file
        && !file.IsExpired(time.GetUtcNow()) ? file : null;

    /// <summary>Begins to write the bytes of a key, which are invisible until <see cref="AddAsync"/>.</summary>
    public FileWriter Write(string tenant, string key, CancellationToken cancellation) =>
        new(Blob(tenant, key), overwrite: false, cancellation);

    /// <summary>The blob of a key, for uploads that write it in parts.</summary>
    public BlockBlobClient BlobOf(string tenant, string key) => Blob(tenant, key);

    /// <summary>Makes the bytes of a key a visible file. Idempotent.</summary>
    /// <param name="expiresAt">When it may be deleted; null keeps it.</param>
    public async Task<FileRecord> AddAsync(
        string tenant, string key, string filename, string purpose, DateTimeOffset? expiresAt, CancellationToken cancellation)
    {
        var properties = await Blob(tenant, key).GetPropertiesAsync(cancellationToken: cancellation);
        var record = new FileRecord
        {
            PartitionKey = tenant,
            RowKey = key,
            Filename = filename,
            Purpose = purpose,
            Bytes = properties.Value.ContentLength,
            CreatedAt = time.GetUtcNow(),
            ExpiresAt = expiresAt,
        };
        await Records.PutAsync(record, cancellation);
        return record;
    }

    /// <summary>Whether the bytes of a file exist: storage may have lost them.</summary>
    public async Task<bool> HasBytesAsync(FileRecord file, CancellationToken cancellation) =>
        await Blob(file.Tenant, file.RowKey).ExistsAsync(cancellation);

    /// <summary>The bytes as a seekable stream.</summary>
    public Task<Stream> OpenReadAsync(FileRecord file, CancellationToken cancellation) =>
        Blob(file.Tenant, file.RowKey).OpenReadAsync(new(allowModifications: false), cancellation);

    /// <summary>
    /// Deletes bytes and row. The row expires first and goes last: the file is invisible from the start, and a timer completes an
    /// interrupted deletion.
    /// </summary>
    public async Task DeleteAsync(string tenant, string key, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        await Records.UpdateAsync(tenant, key, current =>
        {
            if (current.IsExpired(now))
                return false;
            current.ExpiresAt = now;
            return true;
        }, cancellation);
        await DeleteBytesAsync(tenant, key, cancellation);
        await Records.DeleteAsync(tenant, key, cancellation);
    }

    /// <summary>Deletes bytes without a row and a row without bytes, which a late writer leaves of a deleted file.</summary>
    public async Task DeleteOrphansAsync(string tenant, string key, CancellationToken cancellation)
    {
        bool isListed = await Records.FindAsync(tenant, key, cancellation) is not null;
        if (!isListed || !await Blob(tenant, key).ExistsAsync(cancellation))
            await DeleteAsync(tenant, key, cancellation);
    }

    /// <summary>Downloads a file to this machine.</summary>
    public Task DownloadAsync(FileRecord file, string path, CancellationToken cancellation) =>
        Blob(file.Tenant, file.RowKey).DownloadToAsync(path, cancellation);

    public Task DeleteBytesAsync(string tenant, string key, CancellationToken cancellation) =>
        Blob(tenant, key).DeleteIfExistsAsync(cancellationToken: cancellation);

    private BlockBlobClient Blob(string tenant, string key) => _container.GetBlockBlobClient($"{tenant}/{key}");
}
