using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Jobs;

/// <summary>Finds, lists and cancels batches and fine-tuning jobs of all tenants.</summary>
internal sealed class AllJobs(StorageAccount storage, TimeProvider time)
{
    private readonly BatchStore _batches = new(storage, time);
    private readonly FineTuningStore _fineTuning = new(storage, time);

    /// <summary>Jobs that have not ended, newest first.</summary>
    /// <param name="tenant">Null for all tenants.</param>
    public async Task<IReadOnlyList<JobView>> ListActiveAsync(string? tenant, CancellationToken cancellation)
    {
        List<JobView> jobs = [];
        await foreach (var (_, batch) in _batches.Open.ListJobsAsync(tenant, cancellation))
            jobs.Add(await JobView.FromAsync(batch, storage, cancellation));
        await foreach (var (_, job) in _fineTuning.Open.ListJobsAsync(tenant, cancellation))
            jobs.Add(JobView.From(job));
        return NewestFirst(jobs);
    }

    /// <summary>The newest jobs, ended ones included.</summary>
    /// <param name="tenant">Null for all tenants.</param>
    /// <param name="limit">At least 1.</param>
    public async Task<IReadOnlyList<JobView>> ListAllAsync(string? tenant, int limit, CancellationToken cancellation)
    {
        List<JobView> jobs = [];
        // Answers at once are no jobs; their keys sort behind those of all batches.
        foreach (var batch in (await NewestAsync(_batches.Records, tenant, limit, cancellation)).Where(batch => !batch.IsNow))
            jobs.Add(await JobView.FromAsync(batch, storage, cancellation));
        jobs.AddRange((await NewestAsync(_fineTuning.Records, tenant, limit, cancellation)).Select(JobView.From));
        return [.. NewestFirst(jobs).Take(limit)];
    }

    /// <param name="tenant">Null for all tenants.</param>
    /// <returns>A <see cref="BatchRecord"/> or a <see cref="FineTuningJobRecord"/>.</returns>
    /// <exception cref="OperatorException">There is no such job.</exception>
    public async Task<TableRow> FindAsync(string id, string? tenant, CancellationToken cancellation)
    {
        TableRow? found = null;
        if (SortableKey.Parse(id, BatchRecord.IdPrefix) is { } batchKey)
            found = await FindAsync(_batches.Records, batchKey, tenant, cancellation);
        else if (SortableKey.Parse(id, FineTuningJobRecord.IdPrefix) is { } jobKey)
            found = await FindAsync(_fineTuning.Records, jobKey, tenant, cancellation);
        return found ?? throw new OperatorException($"There is no job {id}", ExitCodes.NotFound);
    }

    /// <summary>Cancels as the REST API does.</summary>
    /// <param name="job">From <see cref="FindAsync(string, string?, CancellationToken)"/>.</param>
    /// <exception cref="OperatorException">It has ended, or is about to end.</exception>
    public async Task<JobView> CancelAsync(TableRow job, CancellationToken cancellation)
    {
        if (job is BatchRecord batch)
        {
            var cancelling = await new BatchCancellation(_batches, new WorkQueues(storage), time).RunAsync(batch, cancellation);
            return cancelling is { Status: BatchStatus.Cancelling }
                ? await JobView.FromAsync(cancelling, storage, cancellation)
                : throw Ended(batch.Id, cancelling is null ? null : JobView.Name(cancelling.Status));
        }
        var training = (FineTuningJobRecord)job;
        var update = await new FineTuningCancellation(_fineTuning, time).RunAsync(training, cancellation);
        if (!update.Written)
            throw Ended(training.Id, update.Row is null ? null : JobView.Name(update.Row.Status));
        await new WorkQueues(storage).SendFinishTrainingAsync(training.Key, cancellation);
        return JobView.From(update.Row!);
    }

    private static OperatorException Ended(string id, string? status) => new($"{id} is {status ?? "gone"} and cannot be cancelled");

    private static async Task<T?> FindAsync<T>(TableOf<T> records, string key, string? tenant, CancellationToken cancellation)
        where T : TableRow =>
        tenant is null
            ? await records.ScanAsync($"RowKey eq '{key}'", cancellation).FirstOrDefaultAsync(cancellation)
            : await records.FindAsync(tenant, key, cancellation);

    /// <summary>Keys sort newest first within a tenant. For all tenants, reads the table and holds <paramref name="limit"/> rows.</summary>
    private static async Task<IReadOnlyCollection<T>> NewestAsync<T>(
        TableOf<T> records, string? tenant, int limit, CancellationToken cancellation)
        where T : TableRow
    {
        if (tenant is not null)
            return await records.ListAsync(tenant, after: null, cancellation).Take(limit).ToListAsync(cancellation);
        var newest = new PriorityQueue<T, string>(Comparer<string>.Create((left, right) => string.CompareOrdinal(right, left)));
        await foreach (var record in records.ScanAsync("", cancellation))
        {
            newest.Enqueue(record, record.RowKey);
            if (newest.Count > limit)
                newest.Dequeue();
        }
        return [.. newest.UnorderedItems.Select(entry => entry.Element)];
    }

    private static List<JobView> NewestFirst(IEnumerable<JobView> jobs) => [.. jobs.OrderByDescending(job => job.CreatedAt)];
}
