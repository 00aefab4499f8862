using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Functions.Webhooks;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>The log of webhook deliveries after <see cref="RetentionOptions.Deliveries"/>.</summary>
internal sealed class OldDeliveries(WebhookDeliveries deliveries, RowByRow rows) : IPurge
{
    public async Task RunAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        // Endpoints, which share the table, have no such column.
        string filter = RetentionFilter.Before(nameof(WebhookDeliveryRecord.ExpiresAt), now);
        await foreach (var row in deliveries.Records.ScanAsync(filter, cancellation))
        {
            await rows.TryAsync(
                RetentionTimer.Name,
                row.Id,
                () => deliveries.Records.DeleteAsync(row.PartitionKey, row.RowKey, cancellation),
                cancellation);
        }
    }
}
