using LLaDA.Batch.Functions.Idempotency;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Requests with an Idempotency-Key whose answer is no longer repeated.</summary>
internal sealed class ExpiredIdempotencyKeys(IdempotencyRecords records) : IPurge
{
    public async Task RunAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        string filter = RetentionFilter.Before(nameof(IdempotencyRecord.ExpiresAt), now);
        await foreach (var row in records.Rows.ScanAsync(filter, cancellation))
            await records.Rows.TryDeleteAsync(row, cancellation);
    }
}
