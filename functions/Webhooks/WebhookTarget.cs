namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>What is called: an endpoint of a tenant, or the webhook of a batch.</summary>
/// <param name="Id">Of the endpoint or the batch.</param>
/// <param name="Secret">Null where it was sealed with another key than that of today.</param>
internal sealed record WebhookTarget(string Tenant, string Id, string Url, string? Secret);
