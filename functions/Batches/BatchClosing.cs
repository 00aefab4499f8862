using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>What is left to do when a batch has become terminal. A sweep does it again until it was done to its end, so everything in here may happen twice.</summary>
public sealed class BatchClosing(BatchStore batches, ShardDispatcher release, DeliverWebhookHandler webhooks)
{
    public async Task RunAsync(BatchRecord batch, CancellationToken cancellation)
    {
        TracedWork.SetStatus(batch.Status);
        await webhooks.SendAsync(batch, cancellation);
        await batches.DeleteActiveAsync(batch.Tenant, batch.RowKey, cancellation);
        await release.FillWindowAsync(batch.Tenant, cancellation);    // its shards gave up their places
    }
}
