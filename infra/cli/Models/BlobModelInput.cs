using System.Buffers.Binary;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Models;

/// <summary>
/// A model in Blob storage. For the checks its small files and the headers of its weights are copied to a temporary folder;
/// the copies of weights are sparse files of the full length. The upload streams each blob in the version that was checked.
/// </summary>
internal sealed class BlobModelInput : ModelInput
{
    private const string WeightsExtension = ".safetensors";
    private const int MaxFiles = 1000, PrefixBytes = 8, BufferBytes = 16 << 20;

    /// <summary>A larger file is neither a configuration nor a tokenizer, and the library reads no larger header.</summary>
    private const long MaxCopiedBytes = 100_000_000, MaxFolderBytes = 1_000_000_000;

    private readonly string _folder;

    private BlobModelInput(string subject, string folder, IReadOnlyList<ModelUpload> files)
        : base(subject, folder, files) => _folder = folder;

    /// <param name="url">Of a folder. It may have a shared access signature, which no message contains.</param>
    /// <exception cref="OperatorException">The URL is not a folder of Azure Storage, or cannot be read.</exception>
    public static async Task<BlobModelInput> OpenAsync(Uri url, StorageAccount storage, CancellationToken cancellation)
    {
        var parts = new BlobUriBuilder(url);
        string shown = url.GetLeftPart(UriPartial.Path).TrimEnd('/');
        if (!storage.IsBlobHost(url) || url.UserInfo.Length > 0 || parts.BlobContainerName.Length == 0)
        {
            throw new OperatorException(
                $"{shown} is not a folder in Azure Storage: it must begin with https://ACCOUNT.blob.{storage.EndpointSuffix}/CONTAINER");
        }
        string prefix = parts.BlobName.TrimEnd('/') is { Length: > 0 } path ? path + "/" : "";
        var container = Container(url, storage);
        string folder = Directory.CreateTempSubdirectory("llada-model-").FullName;
        try
        {
            return new BlobModelInput(shown, folder, await CopyAsync(container, prefix, folder, shown, cancellation));
        }
        catch (Exception exception)
        {
            Directory.Delete(folder, recursive: true);
            if (exception is not RequestFailedException { Status: > 0 } failure)
                throw;
            string code = failure.ErrorCode is null ? "" : $" ({failure.ErrorCode})";
            throw new OperatorException(
                $"{shown} cannot be read: storage answers {failure.Status}{code}. Identity or signature must allow reading and listing");
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static BlobContainerClient Container(Uri url, StorageAccount storage)
    {
        var parts = new BlobUriBuilder(url) { BlobName = "", Snapshot = "", VersionId = "", Query = "" };
        if (parts.Sas is not null)
            return new BlobContainerClient(parts.ToUri());
        if (storage.IsOwnAccount(url))
            return storage.Container(parts.BlobContainerName);
        return storage.HasIdentity
            ? storage.Container(new Uri(url.GetLeftPart(UriPartial.Authority)), parts.BlobContainerName)
            : new BlobContainerClient(parts.ToUri());
    }

    /// <summary>Copies what the checks need.</summary>
    /// <returns>The files of the model, each bound to its version.</returns>
    private static async Task<IReadOnlyList<ModelUpload>> CopyAsync(
        BlobContainerClient container, string prefix, string folder, string shown, CancellationToken cancellation)
    {
        List<ModelUpload> files = [];
        long copied = 0;
        var listing = new GetBlobsByHierarchyOptions { Prefix = prefix, Delimiter = "/" };
        await foreach (var item in container.GetBlobsByHierarchyAsync(listing, cancellation))
        {
            if (!item.IsBlob || !ModelManifest.IsFileName(item.Blob.Name[prefix.Length..]))
                continue;
            string name = item.Blob.Name[prefix.Length..];
            var source = new BlobVersion(container.GetBlobClient(item.Blob.Name), item.Blob.Properties.ETag!.Value);
            long bytes = item.Blob.Properties.ContentLength ?? 0;
            files.Add(new ModelUpload(name, source.OpenAsync));
            bool isWeights = name.EndsWith(WeightsExtension, StringComparison.OrdinalIgnoreCase);
            long wanted = isWeights ? await HeaderBytesAsync(source, bytes, cancellation) : bytes;
            copied += wanted <= MaxCopiedBytes ? wanted : 0;
            if (files.Count > MaxFiles || copied > MaxFolderBytes)
            {
                throw new OperatorException(
                    $"{shown} is not a model: it has more than {MaxFiles} files, or more than {MaxFolderBytes} bytes besides weights");
            }
            await using var copy = File.Create(Path.Combine(folder, name));
            if (wanted is > 0 and <= MaxCopiedBytes)
                await source.CopyAsync(wanted, copy, cancellation);
            copy.SetLength(bytes);
        }
        return files.Count > 0 ? files : throw new OperatorException($"There are no files in {shown}", ExitCodes.NotFound);
    }

    /// <returns>Bytes before the values of the tensors: the prefix and the header of a safetensors file.</returns>
    private static async Task<long> HeaderBytesAsync(BlobVersion source, long bytes, CancellationToken cancellation)
    {
        if (bytes < PrefixBytes)
            return bytes;
        using var prefix = new MemoryStream();
        await source.CopyAsync(PrefixBytes, prefix, cancellation);
        ulong header = BinaryPrimitives.ReadUInt64LittleEndian(prefix.GetBuffer());
        return header <= MaxCopiedBytes - PrefixBytes ? Math.Min(bytes, PrefixBytes + (long)header) : PrefixBytes;
    }

    /// <summary>A blob in one version: a read fails once the blob has changed.</summary>
    private sealed record BlobVersion(BlobClient Blob, ETag Version)
    {
        public Task<Stream> OpenAsync(CancellationToken cancellation)
        {
            var options = new BlobOpenReadOptions(allowModifications: false) { Conditions = Conditions(), BufferSize = BufferBytes };
            return Blob.OpenReadAsync(options, cancellation);
        }

        /// <summary>Copies the first bytes.</summary>
        public async Task CopyAsync(long bytes, Stream destination, CancellationToken cancellation)
        {
            var options = new BlobDownloadOptions { Range = new HttpRange(0, bytes), Conditions = Conditions() };
            using var download = (await Blob.DownloadStreamingAsync(options, cancellation)).Value;
            await download.Content.CopyToAsync(destination, cancellation);
        }

        private BlobRequestConditions Conditions() => new() { IfMatch = Version };
    }
}
