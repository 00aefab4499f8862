using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Models;

/// <summary>A folder of files that belongs to no model.</summary>
/// <param name="IsWhole">Whether it has a manifest; without one its upload was interrupted.</param>
internal sealed record UnusedFolder(string Folder, long Bytes, bool IsWhole, DateTimeOffset ModifiedAt);

/// <summary>
/// Finds folders that a replaced model or a killed 'models add' or 'models remove' left behind, never those of fine-tuning jobs.
/// A folder younger than <see cref="MinAge"/> may still be uploading.
/// </summary>
internal sealed class UnusedFolders(StorageAccount storage, TimeProvider time)
{
    /// <summary>Time since the last write.</summary>
    public static readonly TimeSpan MinAge = TimeSpan.FromDays(1);

    public async Task<IReadOnlyList<UnusedFolder>> ListAsync(CancellationToken cancellation)
    {
        Dictionary<string, UnusedFolder> folders = [];
        HashSet<string> jobs = [];
        await foreach (var blob in storage.Container(StorageNames.ModelsContainer).GetBlobsAsync(new GetBlobsOptions(), cancellation))
        {
            // tenant/key/file; deeper files belong to the fine-tuning job of that key.
            if (blob.Name.Split('/') is not [var tenant, var key, .. { Length: > 0 } rest])
                continue;
            string folder = $"{tenant}/{key}", name = rest[^1];
            if (rest.Length > 1)
                jobs.Add(folder);
            var known = folders.GetValueOrDefault(folder) ?? new UnusedFolder(folder, 0, IsWhole: false, DateTimeOffset.MinValue);
            var modified = blob.Properties.LastModified ?? DateTimeOffset.MaxValue;
            folders[folder] = known with
            {
                Bytes = known.Bytes + (blob.Properties.ContentLength ?? 0),
                IsWhole = known.IsWhole || name == ModelManifest.FileName,
                ModifiedAt = modified > known.ModifiedAt ? modified : known.ModifiedAt,
            };
        }

        // Records are read after the blobs, so that a model registered meanwhile is not listed.
        await foreach (var model in new ModelCatalog(storage).ScanAsync(cancellation))
            folders.Remove(model.Folder);
        List<UnusedFolder> unused = [];
        var records = new FineTuningStore(storage, time).Records;
        var newest = time.GetUtcNow() - MinAge;
        foreach (var folder in folders.Values)
        {
            if (jobs.Contains(folder.Folder) || folder.ModifiedAt >= newest)
                continue;
            string[] parts = folder.Folder.Split('/');
            if (await records.FindAsync(parts[0], parts[1], cancellation) is null)
                unused.Add(folder);
        }
        return unused;
    }
}
