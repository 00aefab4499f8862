using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Client.Webhooks;

/// <summary>An address that is called when a job ends.</summary>
/// <param name="Secret">Signs the calls; only in the answer to its creation.</param>
public sealed record WebhookEndpoint(string Id, string Url, IReadOnlyList<string> Events, DateTimeOffset CreatedAt, string? Secret);

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

    public Task DeleteAsync(string id, CancellationToken cancellation = default) =>
        _transport.DeleteAsync($"{Path}/{Uri.EscapeDataString(id)}", cancellation);
}
