using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Usage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>The last steps of a terminal batch. A sweep repeats them until all are done, so each is idempotent.</summary>
internal sealed class BatchClosing(
    BatchStore batches, UsageStore usage, ShardDispatcher dispatcher, DeliverWebhookHandler webhooks)
{
    public async Task RunAsync(BatchRecord batch, CancellationToken cancellation)
    {
        TracedWork.SetStatus(batch.Status);
        await usage.CountAsync(batch, cancellation);
        await webhooks.SendAsync(batch, cancellation);
        await batches.Open.DeleteAsync(batch.Key, cancellation);
        await dispatcher.FillWindowAsync(batch.Tenant, cancellation);    // its shards gave up their places
    }
}
