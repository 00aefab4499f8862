using Azure.Core;
using Azure.Data.Tables;
using Azure.Identity;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Queues;
using Azure.Storage.Sas;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>The clients of one storage account; thread-safe.</summary>
public sealed class StorageAccount
{
    private readonly BlobServiceClient _blobs;
    private readonly QueueServiceClient _queues;
    private readonly TableServiceClient _tables;
    private readonly TokenCredential? _credential;

    /// <param name="configure">Changes the options of the clients before they are created.</param>
    /// <param name="machine">The machine's clock; null takes the system's.</param>
    public StorageAccount(StorageOptions options, Action<ClientOptions>? configure = null, TimeProvider? machine = null)
    {
        var clock = new StorageClock(machine ?? TimeProvider.System);
        Time = clock;
        EndpointSuffix = options.EndpointSuffix;
        // Plain text: an encoding that only one side sets would send every message to the poison queue.
        var queueOptions = new QueueClientOptions { MessageEncoding = QueueMessageEncoding.None };
        var (blobOptions, tableOptions) = (new BlobClientOptions(), new TableClientOptions());
        foreach (ClientOptions client in new ClientOptions[] { blobOptions, queueOptions, tableOptions })
        {
            client.AddPolicy(clock.Policy, HttpPipelinePosition.BeforeTransport);
            configure?.Invoke(client);
        }
        if (!string.IsNullOrEmpty(options.ConnectionString))
        {
            _blobs = new BlobServiceClient(options.ConnectionString, blobOptions);
            _queues = new QueueServiceClient(options.ConnectionString, queueOptions);
            _tables = new TableServiceClient(options.ConnectionString, tableOptions);
            return;
        }

        var credential = _credential = string.IsNullOrEmpty(options.ClientId)
            ? new DefaultAzureCredential()
            : new ManagedIdentityCredential(ManagedIdentityId.FromUserAssignedClientId(options.ClientId));
        Uri Endpoint(string service) => new($"https://{options.AccountName}.{service}.{options.EndpointSuffix}");
        _blobs = new BlobServiceClient(Endpoint("blob"), credential, blobOptions);
        _queues = new QueueServiceClient(Endpoint("queue"), credential, queueOptions);
        _tables = new TableServiceClient(Endpoint("table"), credential, tableOptions);
    }

    public string EndpointSuffix { get; }

    /// <summary>The account's own clock: the times that it writes and those that processes write are of one clock.</summary>
    public TimeProvider Time { get; }

    public BlobContainerClient Container(string name) => _blobs.GetBlobContainerClient(name);

    /// <summary>A container of another account that the service's identity may use.</summary>
    /// <param name="accountUrl">Its blob endpoint; null is this account.</param>
    /// <param name="options">Of the client; null takes those of the library.</param>
    public BlobContainerClient Container(Uri? accountUrl, string name, BlobClientOptions? options = null) =>
        accountUrl is null ? Container(name) : new BlobServiceClient(accountUrl, Credential, options).GetBlobContainerClient(name);

    /// <summary>Whether a URL leads to blob storage over https, or to this account.</summary>
    public bool IsBlobHost(Uri url) =>
        url.Authority == _blobs.Uri.Authority
        || (url is { Scheme: "https", IsDefaultPort: true } && url.Host.EndsWith($".blob.{EndpointSuffix}", StringComparison.Ordinal)
            && url.Host[..^$".blob.{EndpointSuffix}".Length].All(char.IsAsciiLetterOrDigit));

    /// <summary>Whether a container holds data of the service itself or of its host.</summary>
    /// <param name="url">Any URL of its account; null is this account.</param>
    public bool IsOwnContainer(Uri? url, string container)
    {
        bool isReserved = StorageNames.Containers.Contains(container)
            || container.StartsWith("azure-webjobs", StringComparison.Ordinal)
            || container.StartsWith("app-package", StringComparison.Ordinal);
        return isReserved && (url is null || IsOwnAccount(url));
    }

    /// <summary>Whether a URL leads to this account.</summary>
    public bool IsOwnAccount(Uri url) =>
        url.Authority == _blobs.Uri.Authority && new BlobUriBuilder(url).AccountName == _blobs.AccountName;

    /// <summary>Whether other accounts can be reached by this service's identity.</summary>
    public bool HasIdentity => _credential is not null;

    private TokenCredential Credential =>
        _credential ?? throw new InvalidOperationException("There is no identity that could reach another account");

    /// <summary>
    /// A URL whose holder can write a blob for a time: signed by the account's key, or on behalf of the service's identity.
    /// </summary>
    public async Task<Uri> SignWriteAsync(BlockBlobClient blob, DateTimeOffset until, CancellationToken cancellation)
    {
        var sas = new BlobSasBuilder(BlobSasPermissions.Write, until)
        {
            BlobContainerName = blob.BlobContainerName,
            BlobName = blob.Name,
            Resource = "b",
        };
        if (blob.CanGenerateSasUri)
            return blob.GenerateSasUri(sas);
        var key = await _blobs.GetUserDelegationKeyAsync(startsOn: null, until, cancellation);
        return new BlobUriBuilder(blob.Uri) { Sas = sas.ToSasQueryParameters(key.Value, blob.AccountName) }.ToUri();
    }

    public QueueClient Queue(string name) => _queues.GetQueueClient(name);

    /// <summary>Names of all queues.</summary>
    public IAsyncEnumerable<string> ListQueuesAsync(CancellationToken cancellation) =>
        _queues.GetQueuesAsync(cancellationToken: cancellation).Select(queue => queue.Name);

    public TableClient Table(string name) => _tables.GetTableClient(name);

    /// <summary>Creates missing containers, tables and queues. Idempotent.</summary>
    public async Task EnsureCreatedAsync(IReadOnlyCollection<string> profiles, CancellationToken cancellation)
    {
        await Task.WhenAll(
        [
            .. StorageNames.Containers.Select(name => (Task)Container(name).CreateIfNotExistsAsync(cancellationToken: cancellation)),
            .. StorageNames.Tables.Select(name => Table(name).CreateIfNotExistsAsync(cancellation)),
            EnsureQueuesAsync(StorageNames.Queues, cancellation),
            .. profiles.Select(profile => EnsureProfileCreatedAsync(profile, cancellation)),
        ]);
    }

    /// <summary>Creates the missing queues of a hardware profile. Idempotent; a worker needs no right to anything else for it.</summary>
    public Task EnsureProfileCreatedAsync(string profile, CancellationToken cancellation) =>
        EnsureQueuesAsync(StorageNames.QueuesOf(profile), cancellation);

    private async Task EnsureQueuesAsync(IReadOnlyList<string> queues, CancellationToken cancellation) => await Task.WhenAll(
        queues.Concat(queues.Select(StorageNames.PoisonQueue))
            .Select(name => Queue(name).CreateIfNotExistsAsync(cancellationToken: cancellation)));
}
