using Azure.Storage.Blobs;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Folders;

/// <summary>
/// Checks the URL of a folder that a client shares: https, a host of Azure Storage and nothing else (this service must not become a way to
/// reach other places), a signature that outlives the batch by the time to write its results, and never a container of the service.
/// </summary>
internal static class SasUrl
{
    /// <summary>How much longer than its batch a signature must be valid: results are written after the end of the window.</summary>
    private static readonly TimeSpan s_finishing = TimeSpan.FromHours(1);

    /// <summary>A path of 900 characters fits, all of them escaped; sealed it must fit a string of a table, 32 K characters.</summary>
    private const int MaxLength = 8_000;

    /// <param name="parameter">The parameter to name when it is refused.</param>
    /// <param name="until">The end of the batch.</param>
    /// <exception cref="ApiException">It is refused; the message holds nothing of the signature.</exception>
    public static BlobUriBuilder Parse(string text, StorageAccount storage, string parameter, DateTimeOffset until)
    {
        if (text.Length > MaxLength)
            throw Refused($"may have at most {MaxLength} characters");
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.UserInfo.Length > 0 || url.Fragment.Length > 0)
            throw Refused("must be a URL with a shared access signature");
        // The emulator is the service's own account and the one host that is not asked for https.
        if (!storage.IsBlobHost(url))
            throw Refused($"must begin with https:// and a host of Azure Storage, such as ACCOUNT.blob.{storage.EndpointSuffix}");
        var parts = new BlobUriBuilder(url);
        if (!ContainerBindings.IsContainerName(parts.BlobContainerName) || storage.IsOwnContainer(url, parts.BlobContainerName))
            throw Refused("names no container that can be used");
        if (parts.BlobName.TrimEnd('/') is { Length: > 0 } prefix && BlobFolder.FaultOf(prefix) is { } fault)
            throw Refused($"has a path that cannot be used: it {fault}");
        if (parts.Sas?.Signature is not { Length: > 0 })
            throw Refused("has no shared access signature");
        if (parts.Sas.ExpiresOn < until + s_finishing)
        {
            throw Refused(
                $"has a signature that ends too early: results are written up to {s_finishing.TotalHours} hour after the end of the "
                + $"batch, so it must be valid until {until + s_finishing:u}");
        }
        return parts;

        ApiException Refused(string rule) => ApiException.InvalidRequest($"{parameter}.url {rule}", parameter);
    }
}
