using Azure.Core;
using Azure.Data.Tables;
using Azure.Identity;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>The clients of one storage account; thread-safe.</summary>
public sealed class StorageAccount
{
    private readonly BlobServiceClient _blobs;
    private readonly QueueServiceClient _queues;
    private readonly TableServiceClient _tables;

    public StorageAccount(StorageOptions options)
    {
        // Text as it is: an encoding that only one side sets would send every message to the poison queue without a word.
        var queueOptions = new QueueClientOptions { MessageEncoding = QueueMessageEncoding.None };
        if (!string.IsNullOrEmpty(options.ConnectionString))
        {
            _blobs = new BlobServiceClient(options.ConnectionString);
            _queues = new QueueServiceClient(options.ConnectionString, queueOptions);
            _tables = new TableServiceClient(options.ConnectionString);
            return;
        }

        TokenCredential credential = string.IsNullOrEmpty(options.ClientId)
            ? new DefaultAzureCredential()
            : new ManagedIdentityCredential(ManagedIdentityId.FromUserAssignedClientId(options.ClientId));
        Uri Endpoint(string service) => new($"https://{options.AccountName}.{service}.{options.EndpointSuffix}");
        _blobs = new BlobServiceClient(Endpoint("blob"), credential);
        _queues = new QueueServiceClient(Endpoint("queue"), credential, queueOptions);
        _tables = new TableServiceClient(Endpoint("table"), credential);
    }

    public BlobContainerClient Container(string name) => _blobs.GetBlobContainerClient(name);

    public QueueClient Queue(string name) => _queues.GetQueueClient(name);

    public TableClient Table(string name) => _tables.GetTableClient(name);

    /// <summary>Creates what is missing; harmless when everything exists.</summary>
    public async Task EnsureCreatedAsync(IEnumerable<string> profiles, CancellationToken cancellation)
    {
        string[] queues = [StorageNames.PlanQueue, StorageNames.FinishQueue, .. profiles.Select(StorageNames.GenerateQueue)];
        await Task.WhenAll(
        [
            .. StorageNames.Containers.Select(name => (Task)Container(name).CreateIfNotExistsAsync(cancellationToken: cancellation)),
            .. StorageNames.Tables.Select(name => Table(name).CreateIfNotExistsAsync(cancellation)),
            .. queues.Concat(queues.Select(StorageNames.PoisonQueue)).Select(name => Queue(name).CreateIfNotExistsAsync(cancellationToken: cancellation)),
        ]);
    }
}
