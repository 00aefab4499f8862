using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>
/// Ended batches: their intermediate blobs after <see cref="RetentionOptions.Work"/>, and their rows after
/// <see cref="RetentionOptions.Batches"/>. An answer at once goes as a whole after <see cref="RetentionOptions.Answers"/>.
/// </summary>
internal sealed class EndedBatches(
    BatchStore batches, StorageAccount storage, RetentionOptions options, RowByRow rows, ILogger<EndedBatches> logger) : IPurge
{
    public async Task RunAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        // Only this purge changes ended batches, so Timestamp approximates EndedAt and can be filtered on the server.
        string filter = RetentionFilter.Before("Timestamp", now - options.Work);
        await foreach (var batch in batches.Records.ScanAsync(filter, cancellation))
        {
            if (batch.IsTerminal && batch.EndedAt <= now - (batch.IsNow ? options.Answers : options.Work))
                await rows.TryAsync(RetentionTimer.Name, batch.Id, () => DeleteAsync(batch, now, cancellation), cancellation);
        }
    }

    private async Task DeleteAsync(BatchRecord batch, DateTimeOffset now, CancellationToken cancellation)
    {
        if (batch.WorkDeletedAt is null)
            await DeleteWorkAsync(batch, now, cancellation);
        if (!batch.IsNow && batch.EndedAt > now - options.Batches)
            return;
        await batches.Records.DeleteAsync(batch.Tenant, batch.RowKey, cancellation);
        RetentionLog.Deleted(logger, batch.Id);
    }

    private async Task DeleteWorkAsync(BatchRecord batch, DateTimeOffset now, CancellationToken cancellation)
    {
        await new BatchBlobs(storage, batch).DeleteAsync(cancellation);
        await batches.Records.UpdateAsync(batch.Tenant, batch.RowKey, current =>
        {
            current.WorkDeletedAt = now;
            return true;
        }, cancellation);
    }
}
