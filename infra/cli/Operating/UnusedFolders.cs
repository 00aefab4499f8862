using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>A folder of files that no model has.</summary>
/// <param name="IsWhole">Whether it has a manifest: else its upload came to no end.</param>
internal sealed record UnusedFolder(string Folder, long Bytes, bool IsWhole, DateTimeOffset ModifiedAt);

/// <summary>
/// Folders that are left where a model was replaced, or where the process that added or removed one was killed: those of added models, never those of jobs. A younger one may be on its way.
/// </summary>
internal sealed class UnusedFolders(StorageAccount storage, TimeProvider time)
{
    /// <summary>How long nothing must have been written to a folder.</summary>
    public static readonly TimeSpan MinAge = TimeSpan.FromDays(1);

    public async Task<IReadOnlyList<UnusedFolder>> ListAsync(CancellationToken cancellation)
    {
        Dictionary<string, UnusedFolder> folders = [];
        HashSet<string> jobs = [];
        await foreach (var blob in storage.Container(StorageNames.ModelsContainer).GetBlobsAsync(new GetBlobsOptions(), cancellation))
        {
            // tenant/key/file; what lies deeper belongs to the job of that key.
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

        // Records are read after the blobs: whatever was made known meanwhile is not taken for unused.
        await foreach (var model in new ModelCatalog(storage).ScanAsync(cancellation))
            folders.Remove(model.Folder);
        List<UnusedFolder> unused = [];
        var records = new FineTuningStore(storage, time).Records;
        foreach (var folder in folders.Values.Where(folder => !jobs.Contains(folder.Folder) && folder.ModifiedAt < time.GetUtcNow() - MinAge))
        {
            string[] parts = folder.Folder.Split('/');
            if (await records.FindAsync(parts[0], parts[1], cancellation) is null)
                unused.Add(folder);
        }
        return unused;
    }
}
