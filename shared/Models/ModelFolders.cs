using System.Security.Cryptography;
using Azure;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Models;

/// <summary>A file on its way into a model's folder.</summary>
/// <param name="OpenAsync">Opens its bytes, to be read once from the start.</param>
public sealed record ModelUpload(string Name, Func<CancellationToken, Task<Stream>> OpenAsync);

/// <summary>The folders of models in Blob storage. The manifest is written last and deleted first: a folder with one is complete.</summary>
public sealed class ModelFolders(StorageAccount storage)
{
    private const int BlockBytes = 16 << 20, Connections = 8;

    private static readonly StorageTransferOptions s_transfer = new()
    {
        InitialTransferSize = BlockBytes,
        MaximumTransferSize = BlockBytes,
        MaximumConcurrency = Connections,
    };

    private readonly BlobContainerClient _container = storage.Container(StorageNames.ModelsContainer);

    /// <summary>A new folder that no model has yet, so that a worker can still load the files of an older version.</summary>
    public static string NewFolder(string tenant, TimeProvider time) => $"{tenant}/{SortableKey.Create(time)}";

    /// <summary>The files of a local folder: all but hidden ones and the manifest.</summary>
    public static IReadOnlyList<ModelUpload> FilesOf(string path) =>
    [
        .. Directory.GetFiles(path)
            .Where(file => ModelManifest.IsFileName(Path.GetFileName(file)))
            .Order(StringComparer.Ordinal)
            .Select(file => new ModelUpload(Path.GetFileName(file), _ => Task.FromResult<Stream>(File.OpenRead(file)))),
    ];

    /// <summary>Streams files into a folder, and then their manifest. Replaces files of the same names.</summary>
    /// <param name="folder">A prefix without a slash at its end.</param>
    /// <param name="progress">Called with each uploaded file.</param>
    public async Task<ModelManifest> UploadAsync(
        string folder, IEnumerable<ModelUpload> files, Action<string, ModelFile>? progress, CancellationToken cancellation)
    {
        SortedDictionary<string, ModelFile> uploaded = new(StringComparer.Ordinal);
        foreach (var file in files)
        {
            if (!ModelManifest.IsFileName(file.Name))
                throw new ArgumentException($"'{file.Name}' is not a valid name of a model's file", nameof(files));
            uploaded.Add(file.Name, await UploadAsync(folder, file, cancellation));
            progress?.Invoke(file.Name, uploaded[file.Name]);
        }
        var manifest = new ModelManifest(uploaded);
        await Blob(folder, ModelManifest.FileName).UploadAsync(manifest.ToJson(), overwrite: true, cancellation);
        return manifest;
    }

    /// <returns>The bytes of the manifest; null when the folder is incomplete.</returns>
    public async Task<BinaryData?> FindManifestAsync(string folder, CancellationToken cancellation)
    {
        try
        {
            return (await Blob(folder, ModelManifest.FileName).DownloadContentAsync(cancellation)).Value.Content;
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return null;
        }
    }

    /// <summary>Streams a file of a folder, all of it from one version of the blob.</summary>
    /// <returns>The size and hash of the received bytes.</returns>
    /// <exception cref="RequestFailedException">404: it does not exist; 412: it was replaced meanwhile.</exception>
    public async Task<ModelFile> DownloadAsync(string folder, string name, Stream destination, CancellationToken cancellation)
    {
        using var hash = SHA256.Create();
        var blob = Blob(folder, name);
        var version = (await blob.GetPropertiesAsync(cancellationToken: cancellation)).Value.ETag;
        var conditions = new BlobRequestConditions { IfMatch = version };
        var options = new BlobDownloadToOptions { TransferOptions = s_transfer, Conditions = conditions };
        await using (var hashing = new CryptoStream(destination, hash, CryptoStreamMode.Write, leaveOpen: true))
            await blob.DownloadToAsync(hashing, options, cancellation);
        return new ModelFile(destination.Length, Convert.ToHexStringLower(hash.Hash!));
    }

    /// <summary>Deletes a folder with all its files.</summary>
    public async Task DeleteAsync(string folder, CancellationToken cancellation)
    {
        await Blob(folder, ModelManifest.FileName).DeleteIfExistsAsync(cancellationToken: cancellation);
        await foreach (var blob in _container.GetBlobsAsync(new GetBlobsOptions { Prefix = folder + "/" }, cancellation))
            await _container.DeleteBlobIfExistsAsync(blob.Name, cancellationToken: cancellation);
    }

    private async Task<ModelFile> UploadAsync(string folder, ModelUpload file, CancellationToken cancellation)
    {
        using var hash = SHA256.Create();
        await using var content = await file.OpenAsync(cancellation);
        // The hashing stream cannot seek, so blocks are buffered and a failed block can be sent again.
        await using var hashing = new CryptoStream(content, hash, CryptoStreamMode.Read);
        var blob = Blob(folder, file.Name);
        await blob.UploadAsync(hashing, new BlobUploadOptions { TransferOptions = s_transfer }, cancellation);
        long bytes = (await blob.GetPropertiesAsync(cancellationToken: cancellation)).Value.ContentLength;
        return new ModelFile(bytes, Convert.ToHexStringLower(hash.Hash!));
    }

    private BlobClient Blob(string folder, string name) => _container.GetBlobClient($"{folder}/{name}");
}
