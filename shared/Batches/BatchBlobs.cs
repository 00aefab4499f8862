using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The blobs of one batch: its plan, its shards, and what is finished of them.</summary>
/// <remarks>Plan and parts are written once: a second writer gets false, and drops its own.</remarks>
public sealed class BatchBlobs
{
    /// <summary>Blobs deleted at a time: a batch of 20,000 shards has 40,000, and the caller waits.</summary>
    private const int Concurrency = 32;

    private const string Plan = "plan.json";

    private readonly BatchFolder _folder;

    public BatchBlobs(StorageAccount storage, JobKey batch)
    {
        _folder = new BatchFolder(storage.Container(StorageNames.BatchesContainer), $"{batch.Tenant}/{batch.RowKey}/");
        (Shards, Parts, Progress) = (new ShardBlobs(_folder), new PartBlobs(_folder), new ProgressBlobs(_folder));
    }

    public BatchBlobs(StorageAccount storage, BatchRecord batch)
        : this(storage, batch.Key)
    {
    }

    /// <summary>The lines to answer.</summary>
    public ShardBlobs Shards { get; }

    /// <summary>The answered shards.</summary>
    public PartBlobs Parts { get; }

    /// <summary>What is done of shards that are not answered yet.</summary>
    public ProgressBlobs Progress { get; }

    /// <summary>What the worker of an answer at once shows of it.</summary>
    public FrameBlob Frames => new(_folder.Container.GetAppendBlobClient(_folder.NameOf("frames")));

    public Task<BatchPlan?> FindPlanAsync(CancellationToken cancellation) => _folder.FindJsonAsync<BatchPlan>(Plan, cancellation);

    /// <returns>The plan that is valid: this one, or the one that was published before.</returns>
    public async Task<BatchPlan> PublishPlanAsync(BatchPlan plan, CancellationToken cancellation)
    {
        var content = BinaryData.FromObjectAsJson(plan, WireJson.Options);
        bool isFirst = await _folder.WriteOnceAsync(Plan, content, metadata: null, cancellation);
        return isFirst ? plan : (await FindPlanAsync(cancellation))!;
    }

    /// <summary>All finished lines, by shard number: the parts, and the progress of shards without one.</summary>
    public async Task<IReadOnlyDictionary<int, FinishedWork>> ListFinishedAsync(CancellationToken cancellation)
    {
        var finished = await Progress.ListWorkAsync(cancellation);   // first: a part that is written meanwhile replaces it
        foreach (var (shard, part) in await Parts.ListWorkAsync(cancellation))
            finished[shard] = part;
        return finished;
    }

    /// <summary>The counts of all finished lines.</summary>
    public async Task<PartCounts> CountLinesAsync(CancellationToken cancellation) =>
        PartCounts.Sum((await ListFinishedAsync(cancellation)).Values.Select(work => work.Counts));

    /// <summary>Deletes all blobs of the batch. Call it when no worker can be running the batch any more.</summary>
    public async Task DeleteAsync(CancellationToken cancellation)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        var all = _folder.Container.GetBlobsAsync(new GetBlobsOptions { Prefix = _folder.NameOf("") }, cancellation);
        await Parallel.ForEachAsync(all, options, async (blob, stop) =>
            await _folder.Container.DeleteBlobIfExistsAsync(blob.Name, cancellationToken: stop));
    }
}
