using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>
/// Webhooks of single batches, which the records of the batches hold. The secret belongs to the tenant, so that a retry may keep it.
/// </summary>
internal sealed class BatchWebhooks(SecretBox secrets, WebhookOptions options)
{
    /// <summary>Reads <c>webhook</c> of a request.</summary>
    /// <returns>Null when it is absent or null.</returns>
    /// <exception cref="Http.ApiException">400, naming the parameter.</exception>
    public WebhookRequest? Read(JsonReader body) =>
        body.Object("webhook") is { } webhook ? WebhookRequest.Read(webhook, WebhookEvent.BatchTypes, options, secrets) : null;

    /// <summary>Gives a new batch a webhook with a secret of its own.</summary>
    /// <param name="request">Null leaves the batch without one.</param>
    public void Set(BatchRecord batch, WebhookRequest? request)
    {
        if (request is null)
            return;
        batch.WebhookUrl = request.Url;
        batch.WebhookEvents = string.Join(',', request.Events);
        batch.SealedWebhookSecret = secrets.Seal(WebhookSignature.NewSecret(), Owner(batch));
    }

    /// <summary>Gives a retry the webhook of its parent, with the same secret.</summary>
    public static void Inherit(BatchRecord retry, BatchRecord parent) =>
        (retry.WebhookUrl, retry.WebhookEvents, retry.SealedWebhookSecret) =
            (parent.WebhookUrl, parent.WebhookEvents, parent.SealedWebhookSecret);

    /// <returns>Null for a batch without a webhook.</returns>
    public BatchWebhookObject? ObjectOf(BatchRecord batch, WebhookDeliveryRecord? delivery, bool isNew = false) =>
        batch.WebhookUrl is null ? null : new BatchWebhookObject
        {
            Url = batch.WebhookUrl,
            Events = batch.WebhookEvents!.Split(','),
            Delivery = delivery is null ? null : WebhookDeliveryObject.From(delivery),
            Secret = isNew ? secrets.Open(batch.SealedWebhookSecret!, Owner(batch)) : null,
        };

    /// <returns>Null for a batch without a webhook.</returns>
    public WebhookTarget? TargetOf(BatchRecord batch) =>
        batch.WebhookUrl is null
            ? null
            : new WebhookTarget(batch.Tenant, batch.Id, batch.WebhookUrl, secrets.TryOpen(batch.SealedWebhookSecret!, Owner(batch)));

    /// <summary>Whether the webhook of a batch wants an event; false for a batch without one.</summary>
    public static bool Wants(BatchRecord batch, string type) => batch.WebhookEvents?.Split(',').Contains(type) == true;

    private static string Owner(BatchRecord batch) => $"{batch.Tenant}/webhooks of batches";
}
