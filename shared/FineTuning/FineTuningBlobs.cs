using System.Globalization;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>
/// The blobs of a job besides its models: the state from which a run resumes, and the blob whose lease is the right to train. Each run
/// writes under its own number, so that a stale run cannot touch the blobs of a later one.
/// </summary>
public sealed class FineTuningBlobs(StorageAccount storage, FineTuningJobRecord job)
{
    private readonly BlobContainerClient _container = storage.Container(StorageNames.ModelsContainer);

    private string Root => $"{job.Tenant}/{job.RowKey}";

    /// <summary>The folder of a checkpoint as a model: weights or adapter, tokenizer and manifest.</summary>
    public static string Folder(FineTuningJobRecord job, int run, int step) =>
        string.Create(CultureInfo.InvariantCulture, $"{job.Tenant}/{job.RowKey}/{run}/{step}");

    /// <summary>The exclusive right to train the job.</summary>
    public async Task<BlobLeaseClient> LeaseAsync(CancellationToken cancellation)
    {
        var blob = _container.GetBlobClient($"{Root}/run");
        var onlyOnce = new BlobUploadOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } };
        try
        {
            await blob.UploadAsync(BinaryData.FromString(""), onlyOnce, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status is 409 or 412)
        {
            // It exists already, and may be leased.
        }
        return blob.GetBlobLeaseClient();
    }

    /// <returns>Null when another run trains the job.</returns>
    public async Task<RenewedLease?> TryLeaseAsync(TimeSpan duration, TimeProvider time, CancellationToken cancellation) =>
        await RenewedLease.TryAcquireAsync(
            await LeaseAsync(cancellation), duration, time, () => Telemetry.CountLostLease("training"), cancellation);

    /// <summary>Whether a run holds the right to train.</summary>
    public async Task<bool> IsLeasedAsync(CancellationToken cancellation)
    {
        try
        {
            var properties = await _container.GetBlobClient($"{Root}/run").GetPropertiesAsync(cancellationToken: cancellation);
            return properties.Value.LeaseState == LeaseState.Leased;
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return false;
        }
    }

    /// <summary>Uploads a file that a run needs to resume from a checkpoint.</summary>
    public async Task WriteStateAsync(int run, int step, string path, CancellationToken cancellation) =>
        await _container.GetBlobClient(StatePrefix(run, step) + Path.GetFileName(path))
            .UploadAsync(path, new BlobUploadOptions(), cancellation);

    /// <summary>Downloads the files that a run needs to resume from a checkpoint.</summary>
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

    /// <summary>Deletes the folders of checkpoints.</summary>
    /// <param name="kept">Folders that stay.</param>
    public async Task DeleteModelsAsync(IReadOnlySet<string> kept, CancellationToken cancellation)
    {
        await foreach (var blob in _container.GetBlobsAsync(new GetBlobsOptions { Prefix = $"{Root}/" }, cancellation))
        {
            bool isOfModel = blob.Name[(Root.Length + 1)..].Split('/') is [var run, var step, _]
                && int.TryParse(run, out _) && int.TryParse(step, out _);
            if (isOfModel && !kept.Contains(blob.Name[..blob.Name.LastIndexOf('/')]))
                await _container.DeleteBlobIfExistsAsync(blob.Name, cancellationToken: cancellation);
        }
    }

    private string StatePrefix(int run, int step) => string.Create(CultureInfo.InvariantCulture, $"{Root}/state/{run}/{step}/");
}
