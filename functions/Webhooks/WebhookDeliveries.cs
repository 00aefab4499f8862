using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>The log of deliveries: a row for each event and receiver, written behind each attempt.</summary>
internal sealed class WebhookDeliveries(StorageAccount storage, RetentionOptions retention, TimeProvider time)
{
    public TableOf<WebhookDeliveryRecord> Records { get; } = new(storage.Table(StorageNames.WebhooksTable));

    /// <param name="delay">The time to the next attempt; null where none follows.</param>
    /// <returns>The row as it is now.</returns>
    public async Task<WebhookDeliveryRecord> CountAsync(
        WebhookTarget target, WebhookEvent webhookEvent, DeliveryOutcome outcome, TimeSpan? delay, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var fresh = New(target, webhookEvent, now);
        await Records.AddIdempotentAsync(fresh, cancellation);
        var update = await Records.UpdateAsync(fresh.PartitionKey, fresh.RowKey, row =>
        {
            row.Count(outcome, now, now + delay);
            return true;
        }, cancellation);
        if (update.Row is null)     // deleted with its endpoint meanwhile
            fresh.Count(outcome, now, now + delay);
        return update.Row ?? fresh;
    }

    /// <returns>Null before the first attempt, and once its time is over.</returns>
    public Task<WebhookDeliveryRecord?> FindAsync(WebhookTarget target, WebhookEvent webhookEvent, CancellationToken cancellation)
    {
        var row = New(target, webhookEvent, time.GetUtcNow());
        return Records.FindAsync(row.PartitionKey, row.RowKey, cancellation);
    }

    /// <summary>Deletes the log of an endpoint, or of the webhook of a batch.</summary>
    public Task DeleteAsync(string tenant, string targetId, CancellationToken cancellation) =>
        Records.DeletePartitionAsync(WebhookDeliveryRecord.Partition(tenant, targetId), cancellation);

    private WebhookDeliveryRecord New(WebhookTarget target, WebhookEvent webhookEvent, DateTimeOffset now)
    {
        var happened = DateTimeOffset.FromUnixTimeSeconds(webhookEvent.CreatedAt);
        return new WebhookDeliveryRecord
        {
            PartitionKey = WebhookDeliveryRecord.Partition(target.Tenant, target.Id),
            RowKey = SortableKey.Create(happened, webhookEvent.Id),
            EventId = webhookEvent.Id,
            EventType = webhookEvent.Type,
            ObjectId = webhookEvent.Data.Id,
            HappenedAt = happened,
            ExpiresAt = now + retention.Deliveries,
        };
    }
}
