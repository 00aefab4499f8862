using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>A batch's folder of blobs.</summary>
/// <param name="prefix">Of the names of all its blobs, with a slash at the end.</param>
internal sealed class BatchFolder(BlobContainerClient container, string prefix)
{
    private static readonly BlobRequestConditions s_onlyOnce = new() { IfNoneMatch = ETag.All };

    public BlobContainerClient Container => container;

    /// <summary>The whole name of a blob or of a folder.</summary>
    public string NameOf(string name) => prefix + name;

    public BlobClient Blob(string name) => container.GetBlobClient(prefix + name);

    /// <returns>Null while there is no such blob.</returns>
    public async Task<BlobDownloadResult?> FindAsync(string name, CancellationToken cancellation)
    {
        try
        {
            return (await Blob(name).DownloadContentAsync(cancellation)).Value;
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return null;
        }
    }

    /// <inheritdoc cref="FindAsync"/>
    public async Task<T?> FindJsonAsync<T>(string name, CancellationToken cancellation)
        where T : class =>
        (await FindAsync(name, cancellation))?.Content.ToObjectFromJson<T>(WireJson.Options);

    public Task WriteJsonAsync<T>(string name, T value, CancellationToken cancellation) =>
        Blob(name).UploadAsync(BinaryData.FromObjectAsJson(value, WireJson.Options), overwrite: true, cancellation);

    /// <returns>False when the blob exists already: it stays as it is.</returns>
    public async Task<bool> WriteOnceAsync(
        string name, BinaryData content, Dictionary<string, string>? metadata, CancellationToken cancellation)
    {
        try
        {
            await Blob(name).UploadAsync(content, new BlobUploadOptions { Conditions = s_onlyOnce, Metadata = metadata }, cancellation);
            return true;
        }
        catch (RequestFailedException failure) when (failure.Status is 409 or 412)
        {
            return false;
        }
    }
}
