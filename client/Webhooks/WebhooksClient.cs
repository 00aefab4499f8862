using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Client.Webhooks;

/// <summary>An address that is called when a job ends.</summary>
/// <param name="Secret">Signs the calls; only in the answer to its creation.</param>
public sealed record WebhookEndpoint(string Id, string Url, IReadOnlyList<string> Events, DateTimeOffset CreatedAt, string? Secret);

/// <summary>The delivery of one event, with all its attempts.</summary>
public sealed record WebhookDelivery
{
    public required string Id { get; init; }

    /// <summary>The header <c>webhook-id</c> of its calls.</summary>
    public required string EventId { get; init; }

    /// <summary>Of the event, such as <c>batch.completed</c>.</summary>
    public required string Type { get; init; }

    /// <summary>What the event is about.</summary>
    public required WebhookEventData Data { get; init; }

    /// <summary>When the event happened.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary><c>pending</c>, <c>delivered</c> or <c>gave_up</c>.</summary>
    public required string Status { get; init; }

    public int Attempts { get; init; }

    public DateTimeOffset? AttemptedAt { get; init; }

    /// <summary>Of the last attempt's answer; null where there was none.</summary>
    public int? StatusCode { get; init; }

    /// <summary>Why the last attempt failed; null where it did not.</summary>
    public string? Message { get; init; }

    /// <summary>Null where no attempt follows.</summary>
    public DateTimeOffset? NextAttemptAt { get; init; }
}

/// <param name="Id">Of the batch, the job or the endpoint.</param>
public sealed record WebhookEventData(string Id);

/// <summary><c>/v1/webhook_endpoints</c>.</summary>
public sealed class WebhooksClient
{
    private const string Path = "/v1/webhook_endpoints";

    private readonly Transport _transport;

    internal WebhooksClient(Transport transport) => _transport = transport;

    /// <param name="events">Names of events; null for all.</param>
    public Task<WebhookEndpoint> CreateAsync(
        string url, IReadOnlyList<string>? events = null, CancellationToken cancellation = default) =>
        _transport.PostAsync<WebhookEndpoint>(Path, new { url, events }, cancellation);

    public IAsyncEnumerable<WebhookEndpoint> ListAsync(CancellationToken cancellation = default) =>
        _transport.AllAsync<WebhookEndpoint>(Path, [], cancellation);

    /// <summary>Sends a test event to an endpoint now, in one attempt.</summary>
    /// <returns>What became of it, which may be a failure.</returns>
    public Task<WebhookDelivery> TestAsync(string id, CancellationToken cancellation = default) =>
        _transport.PostAsync<WebhookDelivery>($"{Of(id)}/test", body: null, cancellation);

    /// <summary>Deliveries to an endpoint, newest event first, asked for page by page.</summary>
    public IAsyncEnumerable<WebhookDelivery> DeliveriesAsync(string id, CancellationToken cancellation = default) =>
        _transport.AllAsync<WebhookDelivery>($"{Of(id)}/deliveries", [], cancellation);

    /// <summary>Deletes an endpoint and its log.</summary>
    public Task DeleteAsync(string id, CancellationToken cancellation = default) => _transport.DeleteAsync(Of(id), cancellation);

    private static string Of(string id) => $"{Path}/{Uri.EscapeDataString(id)}";
}
