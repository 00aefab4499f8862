using Azure.Storage.Blobs;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Folders;

/// <summary>Reads the folders that a client names, and opens them.</summary>
internal sealed class BlobFolders(ContainerBindings bindings, StorageAccount storage, ForeignAccounts foreign, SecretBox secrets)
{
    /// <summary>Containers listed in a message.</summary>
    private const int MaxListed = 20;

    /// <param name="body">The object that names the folder.</param>
    /// <param name="name">The property of the body.</param>
    /// <param name="until">The end of the batch.</param>
    /// <param name="besides">A further property of the folder, which the caller reads.</param>
    /// <exception cref="ApiException">400, or 404 for a container that is not bound to the tenant.</exception>
    public async Task<BlobFolder> ReadAsync(
        JsonReader body, string name, string tenant, DateTimeOffset until, CancellationToken cancellation, string? besides = null)
    {
        if (body.Object(name) is not { } folder)
            throw body.Missing(name, "must be an object with 'container' and 'prefix', or with 'url'");
        if (besides is not null)
            folder.Pass(besides);
        string? container = folder.OptionalText("container"), url = folder.OptionalText("url"), prefix = folder.OptionalText("prefix");
        folder.RequireNothingElse();
        if (container is null == url is null)
            throw body.Invalid(name, "needs either 'container' or 'url'");
        if (url is not null)
            return FromUrl(url, name, tenant, until);

        prefix = prefix?.TrimEnd('/') ?? "";
        if (prefix.Length > 0 && BlobFolder.FaultOf(prefix) is { } fault)
            throw ApiException.InvalidRequest($"{name}.prefix must be a path inside its container: it {fault}", name);
        if (await bindings.FindAsync(tenant, container!, cancellation) is null)
            throw ApiException.NotFound($"container: {container}", await AdviceAsync(tenant, cancellation));
        return BlobFolder.InContainer(container!, AsFolder(prefix));
    }

    /// <returns>The container, or null when it is no longer bound.</returns>
    public async Task<BlobContainerClient?> OpenAsync(BlobFolder folder, string tenant, CancellationToken cancellation)
    {
        if (folder.SealedUrl is not null)
            return new BlobContainerClient(new Uri(secrets.Open(folder.SealedUrl, Owner(tenant))), foreign.NewOptions());
        if (await bindings.FindAsync(tenant, folder.Container!, cancellation) is not { } bound)
            return null;
        return bound.AccountUrl is null
            ? storage.Container(bound.Container)
            : storage.Container(new Uri(bound.AccountUrl), bound.Container, foreign.NewOptions());
    }

    /// <summary>The containers that the tenant may name, and the way to further ones.</summary>
    private async Task<string> AdviceAsync(string tenant, CancellationToken cancellation)
    {
        var bound = await bindings.ListAsync(tenant, cancellation).Take(MaxListed + 1).ToListAsync(cancellation);
        string[] names = [.. bound.Select(container => container.Name)];
        string listed = names.Length == 0 ? "No container is bound to you" : $"You may name {string.Join(", ", names.Take(MaxListed))}";
        string more = names.Length > MaxListed ? " and others" : "";
        return $"{listed}{more}. The operator of this service binds containers (llada admin containers bind)";
    }

    private BlobFolder FromUrl(string url, string name, string tenant, DateTimeOffset until)
    {
        if (!secrets.IsOffered)
        {
            throw ApiException.InvalidRequest(
                $"{name}.url is not offered by this installation: it has no key to encrypt it with", name, "not_offered");
        }
        var parts = SasUrl.Parse(url, storage, name, until);
        string prefix = AsFolder(parts.BlobName.TrimEnd('/'));
        parts.BlobName = "";
        string sealedUrl = secrets.Seal(parts.ToUri().AbsoluteUri, Owner(tenant));
        (parts.Sas, parts.Query) = (null, "");
        return BlobFolder.AtUrl($"{parts.ToUri()}/{prefix}", prefix, sealedUrl);
    }

    private static string AsFolder(string prefix) => prefix.Length == 0 ? "" : prefix + "/";

    private static string Owner(string tenant) => $"{tenant}/documents";
}
