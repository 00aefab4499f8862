using System.Runtime.Serialization;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>An address that receives the events of a tenant.</summary>
public sealed class WebhookEndpointRecord : TableRow
{
    public const string IdPrefix = "we_";

    [IgnoreDataMember]
    public string Id => IdPrefix + RowKey;

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    public string Url { get; set; } = "";

    /// <summary>Types of events, separated by commas.</summary>
    public string Events { get; set; } = "";

    /// <summary>The signing secret, encrypted.</summary>
    public string SealedSecret { get; set; } = "";

    public DateTimeOffset CreatedAt { get; set; }

    public bool Wants(string type) => Events.Split(',').Contains(type);
}

/// <summary>The endpoints of all tenants.</summary>
public sealed class WebhookEndpoints
{
    private readonly SecretBox _secrets;
    private readonly TimeProvider _time;

    public WebhookEndpoints(StorageAccount storage, SecretBox secrets, TimeProvider time)
    {
        Records = new TableOf<WebhookEndpointRecord>(storage.Table(StorageNames.WebhooksTable));
        (_secrets, _time) = (secrets, time);
    }

    public TableOf<WebhookEndpointRecord> Records { get; }

    /// <param name="key">The key of the endpoint, a <see cref="SortableKey"/>; an endpoint that exists under it stays as it is.</param>
    /// <returns>The endpoint, and its secret, which no later call returns.</returns>
    public async Task<(WebhookEndpointRecord Endpoint, string Secret)> AddAsync(
        string tenant, string key, string url, IReadOnlyList<string> events, CancellationToken cancellation)
    {
        string secret = WebhookSignature.NewSecret();
        var endpoint = new WebhookEndpointRecord
        {
            PartitionKey = tenant,
            RowKey = key,
            Url = url,
            Events = string.Join(',', events),
            CreatedAt = _time.GetUtcNow(),
        };
        endpoint.SealedSecret = _secrets.Seal(secret, Owner(endpoint));
        await Records.AddIdempotentAsync(endpoint, cancellation);
        var kept = await Records.FindAsync(tenant, key, cancellation) ?? endpoint;
        return (kept, SecretOf(kept));
    }

    public async Task<WebhookEndpointRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        SortableKey.Parse(id, WebhookEndpointRecord.IdPrefix) is { } key ? await Records.FindAsync(tenant, key, cancellation) : null;

    private string SecretOf(WebhookEndpointRecord endpoint) => _secrets.Open(endpoint.SealedSecret, Owner(endpoint));

    internal WebhookTarget TargetOf(WebhookEndpointRecord endpoint) =>
        new(endpoint.Tenant, endpoint.Id, endpoint.Url, _secrets.TryOpen(endpoint.SealedSecret, Owner(endpoint)));

    private static string Owner(WebhookEndpointRecord endpoint) => $"{endpoint.Tenant}/{endpoint.Id}";
}
