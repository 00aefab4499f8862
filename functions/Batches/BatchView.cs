using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Makes the objects of batches: the record, and what its blobs say of a batch that has not ended.</summary>
internal sealed class BatchView(
    BatchStore batches, StorageAccount storage, BatchWebhooks webhooks, WebhookDeliveries deliveries, TimeProvider time)
{
    public async Task<BatchObject> OfAsync(BatchRecord batch, CancellationToken cancellation) =>
        (await OfAsync([batch], cancellation))[0];

    /// <summary>The answer to a creation, with the secret of the webhook.</summary>
    public async Task<BatchObject> OfNewAsync(BatchRecord batch, CancellationToken cancellation) =>
        await OfAsync(batch, cancellation) with { Webhook = webhooks.ObjectOf(batch, delivery: null, isNew: true) };

    /// <summary>Reads the list of unfinished batches at most once.</summary>
    public async Task<IReadOnlyList<BatchObject>> OfAsync(IReadOnlyList<BatchRecord> page, CancellationToken cancellation)
    {
        var finished = await Task.WhenAll(page.Select(batch => FindFinishedAsync(batch, cancellation)));
        string[] open = finished.Any(work => work is { Count: 0 })
            ? await batches.Open.ListAsync(tenant: null, cancellation).Select(row => row.Job.RowKey).ToArrayAsync(cancellation)
            : [];
        var webhook = await Task.WhenAll(page.Select(batch => FindWebhookAsync(batch, cancellation)));
        return [.. page.Index().Select(entry => Of(entry.Item, finished[entry.Index], open) with { Webhook = webhook[entry.Index] })];
    }

    /// <returns>Null for a batch that has ended.</returns>
    private async Task<IReadOnlyCollection<FinishedWork>?> FindFinishedAsync(BatchRecord batch, CancellationToken cancellation) =>
        batch.IsTerminal ? null : [.. (await new BatchBlobs(storage, batch).ListFinishedAsync(cancellation)).Values];

    private async Task<BatchWebhookObject?> FindWebhookAsync(BatchRecord batch, CancellationToken cancellation)
    {
        if (webhooks.TargetOf(batch) is not { } target)
            return null;
        var delivery = batch.IsTerminal ? await deliveries.FindAsync(target, WebhookEvent.Of(batch), cancellation) : null;
        return webhooks.ObjectOf(batch, delivery);
    }

    private BatchObject Of(BatchRecord batch, IReadOnlyCollection<FinishedWork>? finished, string[] open) =>
        finished is null ? Ended(batch) : Running(batch, finished, open);

    private static BatchObject Ended(BatchRecord batch)
    {
        var errors = ErrorCounts.Parse(batch.ErrorCounts);
        return BatchObject.From(
            batch, new PartCounts(batch.CompletedLines, batch.FailedLines, batch.PromptTokens, batch.CompletionTokens, Errors: errors));
    }

    /// <param name="open">The keys of all unfinished batches; later ones sort first.</param>
    private BatchObject Running(BatchRecord batch, IReadOnlyCollection<FinishedWork> finished, string[] open)
    {
        int position = 1 + open.Count(key => string.CompareOrdinal(key, batch.RowKey) > 0);
        var progress = BatchProgress.Of(batch, finished, position);
        return BatchObject.From(batch, PartCounts.Sum(finished.Select(work => work.Counts)), progress, time.GetUtcNow());
    }
}
