using System.Globalization;
using System.Text;
using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Uploads;

/// <summary>
/// The bytes of an upload: blocks of the blob of its file, named by part and number. Storage keeps them aside until they are joined, so
/// no byte is copied.
/// </summary>
internal sealed class UploadBlocks(FileStore files, StorageAccount storage)
{
    /// <summary>Bytes of a block, which is in memory while it is sent.</summary>
    public const int BlockBytes = 4 << 20;

    /// <summary>Blocks of a blob, by the rules of storage.</summary>
    public const int MaxBlocks = 50_000;

    public Task StageAsync(UploadRecord upload, string part, int block, ReadOnlyMemory<byte> bytes, CancellationToken cancellation) =>
        Blob(upload).StageBlockAsync(Name(part, block), new BinaryData(bytes).ToStream(), cancellationToken: cancellation);

    /// <summary>Where a client puts the bytes of a part itself, as one block, until the upload expires.</summary>
    public async Task<Uri> UrlOfAsync(UploadRecord upload, string part, CancellationToken cancellation)
    {
        var url = await storage.SignWriteAsync(Blob(upload), upload.ExpiresAt, cancellation);
        return new Uri($"{url.AbsoluteUri}&comp=block&blockid={Uri.EscapeDataString(Name(part, block: 0))}");
    }

    /// <summary>Bytes of the blocks that are not joined, by name.</summary>
    public async Task<IReadOnlyDictionary<string, long>> ListAsync(UploadRecord upload, CancellationToken cancellation)
    {
        try
        {
            var list = await Blob(upload).GetBlockListAsync(BlockListTypes.Uncommitted, cancellationToken: cancellation);
            return list.Value.UncommittedBlocks.ToDictionary(block => block.Name, block => block.SizeLong, StringComparer.Ordinal);
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return new Dictionary<string, long>();
        }
    }

    public static IEnumerable<string> Names(UploadPartRecord part) =>
        Enumerable.Range(0, part.NumBlocks).Select(block => Name(part.RowKey, block));

    /// <summary>Makes the blocks of some parts the file. A file that is there already is that of an earlier try, and stays.</summary>
    public async Task JoinAsync(UploadRecord upload, IEnumerable<UploadPartRecord> parts, CancellationToken cancellation)
    {
        try
        {
            var once = new CommitBlockListOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } };
            await Blob(upload).CommitBlockListAsync(parts.SelectMany(Names), once, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status is 409 or 412)
        {
            // It exists.
        }
    }

    public Task<bool> AreJoinedAsync(UploadRecord upload, CancellationToken cancellation) =>
        ExistsAsync(Blob(upload), cancellation);

    public Task<Stream> OpenReadAsync(UploadRecord upload, CancellationToken cancellation) =>
        Blob(upload).OpenReadAsync(new BlobOpenReadOptions(allowModifications: false), cancellation);

    /// <summary>Drops all blocks: storage does so when the blob is written otherwise.</summary>
    public async Task DeleteAsync(UploadRecord upload, CancellationToken cancellation)
    {
        await Blob(upload).UploadAsync(Stream.Null, new BlobUploadOptions(), cancellation);
        await Blob(upload).DeleteIfExistsAsync(cancellationToken: cancellation);
    }

    private static async Task<bool> ExistsAsync(BlockBlobClient blob, CancellationToken cancellation) =>
        await blob.ExistsAsync(cancellation);

    /// <summary>All names of a blob's blocks have one length.</summary>
    private static string Name(string part, int block) => Convert.ToBase64String(
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{part}-{block:D5}")));

    private BlockBlobClient Blob(UploadRecord upload) => files.BlobOf(upload.Tenant, upload.RowKey);
}
