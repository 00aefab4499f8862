using System.Runtime.CompilerServices;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Usage;

/// <summary>What ended batches and answers at once have used. Rows stay when their batches are deleted.</summary>
public sealed class UsageStore(StorageAccount storage)
{
    private readonly TableOf<UsageRecord> _records = new(storage.Table(StorageNames.UsageTable));

    /// <summary>Counts an ended batch. Idempotent. A batch of which no line was run has used nothing.</summary>
    public async Task CountAsync(BatchRecord batch, CancellationToken cancellation)
    {
        if (batch.CompletedLines + batch.FailedLines > 0)
            await _records.PutAsync(UsageRecord.Of(batch), cancellation);
    }

    /// <summary>The rows of batches that ended in a span of time.</summary>
    /// <param name="tenant">Null lists the rows of all tenants, which reads the whole table.</param>
    /// <param name="from">The earliest end, inclusive.</param>
    /// <param name="until">The latest end, exclusive.</param>
    public async IAsyncEnumerable<UsageRecord> ListAsync(
        string? tenant, DateTimeOffset from, DateTimeOffset until, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var (first, end) = (UsageRecord.Bound(from), UsageRecord.Bound(until));
        var rows = tenant is null
            ? _records.ScanAsync($"RowKey ge '{first}' and RowKey lt '{end}'", cancellation)
            : _records.ListRangeAsync(tenant, first, end, cancellation);
        await foreach (var row in rows)
            yield return row;
    }
}
