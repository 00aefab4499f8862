using System.Text.Json;
using Azure.Storage.Blobs;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Folders;

/// <summary>Reads which folders a client names, and opens them.</summary>
internal sealed class BlobFolders(ContainerBindings bindings, StorageAccount storage, SecretBox secrets)
{
    /// <param name="name">The property of the body.</param>
    /// <param name="until">The end of the batch.</param>
    /// <exception cref="ApiException">400, or 404 for a container that is not bound to the tenant.</exception>
    public async Task<BlobFolder> ReadAsync(JsonElement body, string name, string tenant, DateTimeOffset until, CancellationToken cancellation)
    {
        if (!body.TryGetProperty(name, out var folder) || folder.ValueKind != JsonValueKind.Object)
            throw ApiException.InvalidRequest($"{name} must be an object with 'container' and 'prefix', or with 'url'", name, "missing_required_parameter");
        string? container = JsonBody.OptionalText(folder, "container"), url = JsonBody.OptionalText(folder, "url");
        if (container is null == url is null)
            throw ApiException.InvalidRequest($"{name} needs either 'container' or 'url'", name);
        if (url is not null)
            return FromUrl(url, name, tenant, until);

        string prefix = JsonBody.OptionalText(folder, "prefix")?.TrimEnd('/') ?? "";
        if (prefix.Length > 0 && !BlobFolder.IsInside(prefix))
            throw ApiException.InvalidRequest($"{name}.prefix must be a path inside its container", name);
        if (await bindings.FindAsync(tenant, container!, cancellation) is null)
            throw ApiException.NotFound($"container: {container}");
        return new BlobFolder(container, AsFolder(prefix), Url: null, SealedUrl: null);
    }

    /// <returns>The container, or null when it is no longer bound.</returns>
    public async Task<BlobContainerClient?> OpenAsync(BlobFolder folder, string tenant, CancellationToken cancellation)
    {
        if (folder.SealedUrl is not null)
            return new BlobContainerClient(new Uri(secrets.Open(folder.SealedUrl, Owner(tenant))));
        return await bindings.FindAsync(tenant, folder.Container!, cancellation) is { } bound
            ? storage.Container(bound.AccountUrl is null ? null : new Uri(bound.AccountUrl), bound.Container)
            : null;
    }

    private BlobFolder FromUrl(string url, string name, string tenant, DateTimeOffset until)
    {
        if (!secrets.IsOffered)
            throw ApiException.InvalidRequest($"{name}.url is not offered by this installation: it has no key to keep it with", name, "not_offered");
        var parts = SasUrl.Parse(url, storage, name, until);
        string prefix = AsFolder(parts.BlobName.TrimEnd('/'));
        parts.BlobName = "";
        string sealedUrl = secrets.Seal(parts.ToUri().AbsoluteUri, Owner(tenant));
        (parts.Sas, parts.Query) = (null, "");
        return new BlobFolder(Container: null, prefix, $"{parts.ToUri()}/{prefix}", sealedUrl);
    }

    private static string AsFolder(string prefix) => prefix.Length == 0 ? "" : prefix + "/";

    private static string Owner(string tenant) => $"{tenant}/documents";
}
