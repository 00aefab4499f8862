using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The records of batches and the list of those with something left to do.</summary>
public sealed class BatchStore
{
    /// <summary>The clocks of two hosts differ by less.</summary>
    private static readonly TimeSpan s_clockSkew = TimeSpan.FromHours(1);

    private readonly TimeProvider _time;

    public BatchStore(StorageAccount storage, TimeProvider time)
    {
        _time = time;
        Records = new TableOf<BatchRecord>(storage.Table(StorageNames.BatchesTable)) { PagesEndBefore = AnswerKey.Prefix };
        Open = new OpenRows<OpenBatchRow, BatchRecord>(storage, OpenBatchRow.Partition, Records, time);
        OpenAnswers = new OpenRows<OpenBatchRow, BatchRecord>(storage, OpenBatchRow.AnswerPartition, Records, time);
    }

    public TableOf<BatchRecord> Records { get; }

    /// <summary>Batches that have something left to do, without answers at once.</summary>
    public OpenRows<OpenBatchRow, BatchRecord> Open { get; }

    /// <summary>Answers at once that have something left to do.</summary>
    public OpenRows<OpenBatchRow, BatchRecord> OpenAnswers { get; }

    /// <summary>Writes a new batch, and before it the row by which a sweep finds it if everything after this fails.</summary>
    /// <param name="batch">With its key, or it gets one; a batch that exists under its key stays as it is.</param>
    public async Task AddAsync(BatchRecord batch, long inputBytes, CancellationToken cancellation)
    {
        if (batch.RowKey.Length == 0)
            batch.RowKey = SortableKey.Create(_time);
        batch.CreatedAt = _time.GetUtcNow();
        batch.TraceParent = TracedWork.CurrentTraceParent;
        var row = new OpenBatchRow { InputBytes = inputBytes, Priority = batch.Priority, ExpiresAt = batch.ExpiresAt };
        await Open.PutAsync(batch.Key, row, cancellation);
        await Records.AddIdempotentAsync(batch, cancellation);
    }

    /// <summary>
    /// Writes an answer at once that is already planned, as a batch of one line. Idempotent: a second call leaves the record as it is.
    /// </summary>
    /// <param name="answer">With its key, an <see cref="AnswerKey"/>.</param>
    public async Task AddAnswerAsync(BatchRecord answer, BatchPlan plan, CancellationToken cancellation)
    {
        answer.CreatedAt = _time.GetUtcNow();
        answer.TraceParent = TracedWork.CurrentTraceParent;
        answer.TryBegin(plan, answer.CreatedAt);
        var open = new OpenBatchRow
        {
            Profile = plan.Profile,
            PlanId = plan.PlanId,
            NumShards = 1,
            NumReleased = 1,
            ReleasedAt = answer.CreatedAt,
        };
        await OpenAnswers.PutAsync(answer.Key, open, cancellation);
        await Records.AddIdempotentAsync(answer, cancellation);
    }

    public Task<BatchRecord?> FindAsync(JobKey key, CancellationToken cancellation) =>
        Records.FindAsync(key.Tenant, key.RowKey, cancellation);

    /// <param name="id">As given by a client.</param>
    public async Task<BatchRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        SortableKey.Parse(id, BatchRecord.IdPrefix) is { } key ? await Records.FindAsync(tenant, key, cancellation) : null;

    /// <summary>The batches that retry failed lines of a batch, oldest first. Reads the tenant's batches since its creation.</summary>
    public async Task<IReadOnlyList<BatchRecord>> ListRetriesAsync(BatchRecord batch, CancellationToken cancellation)
    {
        string since = SortableKey.Bound(batch.CreatedAt - s_clockSkew);
        List<BatchRecord> retries = [];
        await foreach (var retry in Records.ListBeforeAsync(
            batch.Tenant, since, nameof(BatchRecord.ParentKey), batch.RowKey, cancellation))
        {
            retries.Add(retry);
        }
        retries.Reverse();
        return retries;
    }

    /// <summary>Changes a batch that is not terminal; a terminal batch never changes.</summary>
    /// <param name="change">Returns whether to write the change: a transition of the record.</param>
    public Task<RowUpdate<BatchRecord>> UpdateAsync(BatchRecord batch, Func<BatchRecord, bool> change, CancellationToken cancellation) =>
        Records.UpdateAsync(batch.Tenant, batch.RowKey, current => !current.IsTerminal && change(current), cancellation);

    /// <summary>Heartbeat: refreshes the row's timestamp so the sweep leaves the batch alone.</summary>
    public Task TouchAsync(BatchRecord batch, CancellationToken cancellation) => UpdateAsync(batch, _ => true, cancellation);

    /// <summary>Records which shards there are to dispatch. Idempotent.</summary>
    public Task SetPlannedAsync(BatchRecord batch, BatchPlan plan, CancellationToken cancellation) => Open.UpdateAsync(batch.Key, row =>
    {
        if (row.PlanId == plan.PlanId)
            return false;
        (row.Profile, row.PlanId, row.NumShards) = (plan.Profile, plan.PlanId, plan.Shards.Count);
        row.PlannedAt = _time.GetUtcNow();
        row.ShardSeconds = plan.Shards.Where(shard => !shard.IsRefused).Select(shard => shard.Seconds).DefaultIfEmpty().Average();
        return true;
    }, cancellation);

    /// <summary>Records the bytes of an input whose size is known only once it has been read.</summary>
    public Task SetInputBytesAsync(BatchRecord batch, long inputBytes, CancellationToken cancellation) => Open.UpdateAsync(batch.Key, row =>
    {
        row.InputBytes = inputBytes;
        return true;
    }, cancellation);
}
