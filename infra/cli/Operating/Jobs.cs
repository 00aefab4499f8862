using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>Finds, lists and cancels batches and fine-tuning jobs.</summary>
internal sealed class Jobs(StorageAccount storage, TimeProvider time)
{
    private readonly BatchStore _batches = new(storage, time);
    private readonly FineTuningStore _trainings = new(storage, time);

    /// <summary>Those with something left to do, of all tenants or one, newest first.</summary>
    public async Task<IReadOnlyList<JobView>> ListActiveAsync(string? tenant, CancellationToken cancellation)
    {
        List<JobView> jobs = [];
        await foreach (var (_, batch) in _batches.Open.ListJobsAsync(tenant, cancellation))
            jobs.Add(await JobView.FromAsync(batch, storage, cancellation));
        await foreach (var (_, job) in _trainings.Open.ListJobsAsync(tenant, cancellation))
            jobs.Add(JobView.From(job));
        return NewestFirst(jobs);
    }

    /// <summary>The newest ones, ended or not, of all tenants or one.</summary>
    public async Task<IReadOnlyList<JobView>> ListAllAsync(string? tenant, int limit, CancellationToken cancellation)
    {
        List<JobView> jobs = [];
        foreach (var batch in await NewestAsync(_batches.Records, tenant, limit, cancellation))
            jobs.Add(await JobView.FromAsync(batch, storage, cancellation));
        jobs.AddRange((await NewestAsync(_trainings.Records, tenant, limit, cancellation)).Select(JobView.From));
        return [.. NewestFirst(jobs).Take(limit)];
    }

    /// <param name="tenant">Null looks through the jobs of all.</param>
    /// <exception cref="OperatorException">There is no such job.</exception>
    public async Task<TableRow> FindAsync(string id, string? tenant, CancellationToken cancellation)
    {
        TableRow? found = null;
        if (SortableKey.Parse(id, BatchRecord.IdPrefix) is { } batchKey)
            found = await FindAsync(_batches.Records, batchKey, tenant, cancellation);
        else if (SortableKey.Parse(id, FineTuningJobRecord.IdPrefix) is { } jobKey)
            found = await FindAsync(_trainings.Records, jobKey, tenant, cancellation);
        return found ?? throw new OperatorException($"There is no job {id}", ExitCodes.NotFound);
    }

    /// <summary>Cancels as the REST API does.</summary>
    /// <exception cref="OperatorException">It has ended, or is about to.</exception>
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
        var update = await new FineTuningCancellation(_trainings, time).RunAsync(training, cancellation);
        if (!update.Written)
            throw Ended(training.Id, update.Row is null ? null : JobView.Name(update.Row.Status));
        await new WorkQueues(storage).SendFinishTrainingAsync(training.Key, cancellation);
        return JobView.From(update.Row!);
    }

    private static OperatorException Ended(string id, string? status) => new($"{id} is {status ?? "gone"} and cannot be cancelled");

    private static async Task<T?> FindAsync<T>(TableOf<T> records, string key, string? tenant, CancellationToken cancellation)
        where T : TableRow =>
        tenant is null ? await records.ScanAsync($"RowKey eq '{key}'", cancellation).FirstOrDefaultAsync(cancellation) : await records.FindAsync(tenant, key, cancellation);

    /// <summary>Keys sort newest first within a tenant; over all tenants the whole table is read, and no more than the limit is held.</summary>
    private static async Task<IReadOnlyCollection<T>> NewestAsync<T>(TableOf<T> records, string? tenant, int limit, CancellationToken cancellation)
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
