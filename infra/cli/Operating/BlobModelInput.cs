using System.Buffers.Binary;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>
/// A model that lies in Blob storage. Its small files are copied to a temporary folder, and of its weights the headers, in files of the full length whose rest takes no space: enough for
/// all checks. The bytes go from there to the service as a stream, each file in the version that was checked.
/// </summary>
internal sealed class BlobModelInput : ModelInput
{
    private const string WeightsExtension = ".safetensors";
    private const int MaxFiles = 1000, PrefixBytes = 8, BufferBytes = 16 << 20;

    /// <summary>Beyond it a file is no configuration or tokenizer, and a header none that the library reads.</summary>
    private const long MaxCopiedBytes = 100_000_000, MaxFolderBytes = 1_000_000_000;

    private readonly string _folder;

    private BlobModelInput(string subject, string folder, IReadOnlyList<ModelUpload> files)
        : base(subject, folder, files) => _folder = folder;

    /// <param name="url">Of a folder, with a shared access signature or without; never told to anybody.</param>
    /// <exception cref="OperatorException">It leads nowhere, or nothing can be read there.</exception>
    public static async Task<BlobModelInput> OpenAsync(Uri url, StorageAccount storage, CancellationToken cancellation)
    {
        var parts = new BlobUriBuilder(url);
        string shown = url.GetLeftPart(UriPartial.Path).TrimEnd('/');
        if (!storage.IsBlobHost(url) || url.UserInfo.Length > 0 || parts.BlobContainerName.Length == 0)
            throw new OperatorException($"{shown} is no folder in Azure Storage: it must begin with https://ACCOUNT.blob.{storage.EndpointSuffix}/CONTAINER");
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
            if (exception is RequestFailedException { Status: > 0 } failure)
                throw new OperatorException($"{shown} cannot be read: storage answers {failure.Status}{(failure.ErrorCode is { } code ? $" ({code})" : "")}; reading and listing must be allowed");
            throw;
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
        return storage.HasIdentity ? storage.Container(new Uri(url.GetLeftPart(UriPartial.Authority)), parts.BlobContainerName) : new BlobContainerClient(parts.ToUri());
    }

    private static async Task<IReadOnlyList<ModelUpload>> CopyAsync(BlobContainerClient container, string prefix, string folder, string shown, CancellationToken cancellation)
    {
        List<ModelUpload> files = [];
        long copied = 0;
        await foreach (var item in container.GetBlobsByHierarchyAsync(new GetBlobsByHierarchyOptions { Prefix = prefix, Delimiter = "/" }, cancellation))
        {
            if (!item.IsBlob || !ModelManifest.IsFileName(item.Blob.Name[prefix.Length..]))
                continue;
            string name = item.Blob.Name[prefix.Length..];
            var (blob, version, bytes) = (container.GetBlobClient(item.Blob.Name), item.Blob.Properties.ETag!.Value, item.Blob.Properties.ContentLength ?? 0);
            files.Add(new ModelUpload(name, stop => blob.OpenReadAsync(
                new BlobOpenReadOptions(allowModifications: false) { Conditions = new BlobRequestConditions { IfMatch = version }, BufferSize = BufferBytes }, stop)));
            await using var copy = File.Create(Path.Combine(folder, name));
            long wanted = name.EndsWith(WeightsExtension, StringComparison.OrdinalIgnoreCase) ? await HeaderBytesAsync(blob, version, bytes, cancellation) : bytes;
            copied += wanted <= MaxCopiedBytes ? wanted : 0;
            if (files.Count > MaxFiles || copied > MaxFolderBytes)
                throw new OperatorException($"{shown} is no model: it has more than {MaxFiles} files or {MaxFolderBytes} bytes besides weights");
            if (wanted is > 0 and <= MaxCopiedBytes)
                await CopyAsync(blob, version, wanted, copy, cancellation);
            copy.SetLength(bytes);
        }
        return files.Count > 0 ? files : throw new OperatorException($"There are no files in {shown}", ExitCodes.NotFound);
    }

    /// <returns>How much of a file comes before the values of its tensors.</returns>
    private static async Task<long> HeaderBytesAsync(BlobClient blob, ETag version, long bytes, CancellationToken cancellation)
    {
        if (bytes < PrefixBytes)
            return bytes;
        using var prefix = new MemoryStream();
        await CopyAsync(blob, version, PrefixBytes, prefix, cancellation);
        ulong header = BinaryPrimitives.ReadUInt64LittleEndian(prefix.GetBuffer());
        return header <= MaxCopiedBytes - PrefixBytes ? Math.Min(bytes, PrefixBytes + (long)header) : PrefixBytes;
    }

    private static async Task CopyAsync(BlobClient blob, ETag version, long bytes, Stream destination, CancellationToken cancellation)
    {
        var options = new BlobDownloadOptions { Range = new HttpRange(0, bytes), Conditions = new BlobRequestConditions { IfMatch = version } };
        using var download = (await blob.DownloadStreamingAsync(options, cancellation)).Value;
        await download.Content.CopyToAsync(destination, cancellation);
    }
}
