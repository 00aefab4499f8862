using System.Globalization;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>
/// The blobs of a job besides its models: what a run needs to go on from a checkpoint, and the blob whose lease is the right to train. Each run writes under its own
/// run, so that a stale one cannot touch what a later one wrote.
/// </summary>
public sealed class FineTuningBlobs(StorageAccount storage, FineTuningJobRecord job)
{
    private readonly BlobContainerClient _container = storage.Container(StorageNames.ModelsContainer);

    private string Root => $"{job.Tenant}/{job.RowKey}";

    /// <summary>The folder of a checkpoint as a model: its weights or its adapter, what else the model needs, and the manifest.</summary>
    public static string Folder(FineTuningJobRecord job, int run, int step) =>
        string.Create(CultureInfo.InvariantCulture, $"{job.Tenant}/{job.RowKey}/{run}/{step}");

    /// <summary>The exclusive right to train the job.</summary>
    public async Task<BlobLeaseClient> LeaseAsync(CancellationToken cancellation)
    {
        var blob = _container.GetBlobClient($"{Root}/run");
        try
        {
            await blob.UploadAsync(BinaryData.FromString(""), new BlobUploadOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } }, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status is 409 or 412)
        {
            // It is there already, and perhaps leased.
        }
        return blob.GetBlobLeaseClient();
    }

    /// <summary>Whether a run holds the right to train.</summary>
    public async Task<bool> IsLeasedAsync(CancellationToken cancellation)
    {
        try
        {
            return (await _container.GetBlobClient($"{Root}/run").GetPropertiesAsync(cancellationToken: cancellation)).Value.LeaseState == LeaseState.Leased;
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return false;
        }
    }

    /// <summary>Keeps a file that a run needs to go on from a checkpoint.</summary>
    public async Task WriteStateAsync(int run, int step, string path, CancellationToken cancellation) =>
        await _container.GetBlobClient(StatePrefix(run, step) + Path.GetFileName(path)).UploadAsync(path, new BlobUploadOptions(), cancellation);

    /// <summary>Downloads the files that a run needs to go on from a checkpoint.</summary>
    /// <param name="folder">A local folder.</param>
    public async Task ReadStateAsync(int run, int step, string folder, CancellationToken cancellation)
    {
        string prefix = StatePrefix(run, step);
        await foreach (var blob in _container.GetBlobsAsync(new GetBlobsOptions { Prefix = prefix }, cancellation))
            await _container.GetBlobClient(blob.Name).DownloadToAsync(Path.Combine(folder, Path.GetFileName(blob.Name)), cancellation);
    }

    /// <summary>Deletes the state of all checkpoints but one: the models stay.</summary>
    /// <param name="keptRun">Of the checkpoint that is kept; 0 keeps none.</param>
    public async Task DeleteStatesAsync(int keptRun, int keptStep, CancellationToken cancellation)
    {
        string kept = StatePrefix(keptRun, keptStep);
        await foreach (var blob in _container.GetBlobsAsync(new GetBlobsOptions { Prefix = $"{Root}/state/" }, cancellation))
        {
            if (!blob.Name.StartsWith(kept, StringComparison.Ordinal))
                await _container.DeleteBlobIfExistsAsync(blob.Name, cancellationToken: cancellation);
        }
    }

    /// <summary>Deletes checkpoints as models, all but some.</summary>
    /// <param name="kept">Folders.</param>
    public async Task DeleteModelsAsync(IReadOnlySet<string> kept, CancellationToken cancellation)
    {
        await foreach (var blob in _container.GetBlobsAsync(new GetBlobsOptions { Prefix = $"{Root}/" }, cancellation))
        {
            bool isOfModel = blob.Name[(Root.Length + 1)..].Split('/') is [var run, var step, _] && int.TryParse(run, out _) && int.TryParse(step, out _);
            if (isOfModel && !kept.Contains(blob.Name[..blob.Name.LastIndexOf('/')]))
                await _container.DeleteBlobIfExistsAsync(blob.Name, cancellationToken: cancellation);
        }
    }

    private string StatePrefix(int run, int step) => string.Create(CultureInfo.InvariantCulture, $"{Root}/state/{run}/{step}/");
}
