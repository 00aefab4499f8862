using System.Globalization;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The blobs of one batch: its plan, its shards and the parts that answer them.</summary>
/// <remarks>Plan and parts are written once: a second writer gets false, and drops its own.</remarks>
public sealed class BatchBlobs(StorageAccount storage, JobKey batch)
{
    /// <summary>Blobs deleted at a time: a batch of 20,000 shards has 40,000, and the caller waits.</summary>
    private const int Concurrency = 32;

    private static readonly BlobRequestConditions s_onlyOnce = new() { IfNoneMatch = ETag.All };

    private readonly BlobContainerClient _container = storage.Container(StorageNames.BatchesContainer);
    private readonly string _prefix = $"{batch.Tenant}/{batch.RowKey}/";

    public BatchBlobs(StorageAccount storage, BatchRecord batch)
        : this(storage, batch.Key)
    {
    }

    public async Task<BatchPlan?> FindPlanAsync(CancellationToken cancellation)
    {
        try
        {
            var plan = await _container.GetBlobClient(_prefix + "plan.json").DownloadContentAsync(cancellation);
            return plan.Value.Content.ToObjectFromJson<BatchPlan>(WireJson.Options);
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return null;
        }
    }

    /// <returns>The plan that is valid: this one, or the one that was published before.</returns>
    public async Task<BatchPlan> PublishPlanAsync(BatchPlan plan, CancellationToken cancellation)
    {
        var content = BinaryData.FromObjectAsJson(plan, WireJson.Options);
        bool isFirst = await WriteOnceAsync("plan.json", content, metadata: null, cancellation);
        return isFirst ? plan : (await FindPlanAsync(cancellation))!;
    }

    public Task WriteShardAsync(string planId, int shard, BinaryData lines, CancellationToken cancellation) =>
        Shard(planId, shard).UploadAsync(lines.ToStream(), new BlobUploadOptions(), cancellation);

    /// <returns>Null when the blob of the shard is lost.</returns>
    public async Task<IReadOnlyList<ShardLine>?> FindShardAsync(string planId, int shard, CancellationToken cancellation)
    {
        try
        {
            return await ReadShardAsync(planId, shard, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return await Shard(planId, shard).ExistsAsync(cancellation) ? await ReadShardAsync(planId, shard, cancellation) : null;
        }
    }

    public async Task<IReadOnlyList<ShardLine>> ReadShardAsync(string planId, int shard, CancellationToken cancellation)
    {
        var content = await Shard(planId, shard).DownloadContentAsync(cancellation);
        using var reader = new StreamReader(content.Value.Content.ToStream());
        List<ShardLine> lines = [];
        while (await reader.ReadLineAsync(cancellation) is { } line)
            lines.Add(JsonSerializer.Deserialize<ShardLine>(line, WireJson.Options)!);
        return lines;
    }

    /// <summary>The exclusive right to work on a shard.</summary>
    public BlobLeaseClient LeaseOf(string planId, int shard) => Shard(planId, shard).GetBlobLeaseClient();

    /// <returns>Null when another worker has the shard.</returns>
    public Task<RenewedLease?> TryLeaseAsync(
        string planId, int shard, TimeSpan duration, TimeProvider time, CancellationToken cancellation) =>
        RenewedLease.TryAcquireAsync(LeaseOf(planId, shard), duration, time, () => Telemetry.CountLostLease("shard"), cancellation);

    /// <summary>Whether a worker has the shard; a lost one has no worker.</summary>
    public async Task<bool> IsLeasedAsync(string planId, int shard, CancellationToken cancellation) =>
        await FindLeaseAsync(planId, shard, cancellation) == true;

    /// <summary>Whether a worker has the shard; null when its blob is lost.</summary>
    public async Task<bool?> FindLeaseAsync(string planId, int shard, CancellationToken cancellation)
    {
        try
        {
            var properties = await Shard(planId, shard).GetPropertiesAsync(cancellationToken: cancellation);
            return properties.Value.LeaseState == LeaseState.Leased;
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return null;
        }
    }

    /// <summary>The attempts on a shard that were begun and not excused; guarded by the shard's lease.</summary>
    public async Task<ShardAttempts?> FindAttemptsAsync(int shard, CancellationToken cancellation)
    {
        try
        {
            var content = await _container.GetBlobClient(AttemptsName(shard)).DownloadContentAsync(cancellation);
            return content.Value.Content.ToObjectFromJson<ShardAttempts>(WireJson.Options);
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return null;
        }
    }

    public Task WriteAttemptsAsync(int shard, ShardAttempts attempts, CancellationToken cancellation) =>
        _container.GetBlobClient(AttemptsName(shard))
            .UploadAsync(BinaryData.FromObjectAsJson(attempts, WireJson.Options), overwrite: true, cancellation);

    public async Task<bool> HasPartAsync(int shard, CancellationToken cancellation) =>
        await _container.GetBlobClient(PartName(shard)).ExistsAsync(cancellation);

    /// <returns>False when the part exists already: this one is dropped.</returns>
    public async Task<bool> WritePartAsync(int shard, IEnumerable<PartLine> lines, PartCounts counts, CancellationToken cancellation)
    {
        bool isWritten = await WriteOnceAsync(PartName(shard)[_prefix.Length..], Content(lines), Metadata(counts), cancellation);
        if (isWritten)
        {
            Telemetry.Lines.Add(counts.Completed, Telemetry.With(Telemetry.Outcome, "completed"));
            Telemetry.Lines.Add(counts.Failed, Telemetry.With(Telemetry.Outcome, "failed"));
        }
        return isWritten;
    }

    public async Task<IReadOnlyList<PartLine>> ReadPartAsync(int shard, CancellationToken cancellation) =>
        Lines((await _container.GetBlobClient(PartName(shard)).DownloadContentAsync(cancellation)).Value.Content);

    /// <summary>The counts of a part that exists.</summary>
    public async Task<PartCounts> ReadPartCountsAsync(int shard, CancellationToken cancellation) =>
        Counts((await _container.GetBlobClient(PartName(shard)).GetPropertiesAsync(cancellationToken: cancellation)).Value.Metadata);

    /// <summary>Keeps the finished lines of a shard for its next owner; guarded by the shard's lease.</summary>
    public Task WriteProgressAsync(int shard, IEnumerable<PartLine> lines, PartCounts counts, CancellationToken cancellation) =>
        _container.GetBlobClient(ProgressName(shard))
            .UploadAsync(Content(lines), new BlobUploadOptions { Metadata = Metadata(counts) }, cancellation);

    /// <summary>The lines that a previous owner of the shard had finished.</summary>
    public async Task<(IReadOnlyList<PartLine> Lines, PartCounts Counts)> ReadProgressAsync(int shard, CancellationToken cancellation)
    {
        try
        {
            var content = (await _container.GetBlobClient(ProgressName(shard)).DownloadContentAsync(cancellation)).Value;
            return (Lines(content.Content), Counts(content.Details.Metadata));
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return ([], PartCounts.None);
        }
    }

    /// <summary>The parts that exist, by shard number.</summary>
    public Task<IReadOnlyDictionary<int, PartCounts>> ListPartsAsync(CancellationToken cancellation) =>
        ListCountsAsync("parts/", cancellation);

    /// <summary>The stored progress, by shard number; that of a shard with a part is out of date.</summary>
    public Task<IReadOnlyDictionary<int, PartCounts>> ListProgressAsync(CancellationToken cancellation) =>
        ListCountsAsync("progress/", cancellation);

    /// <summary>The counts of all finished lines: those of the parts, and of the progress of shards without one.</summary>
    public async Task<PartCounts> CountLinesAsync(CancellationToken cancellation)
    {
        var progress = await ListProgressAsync(cancellation);   // first: a part that is written meanwhile replaces it
        var parts = await ListPartsAsync(cancellation);
        return PartCounts.Sum([.. parts.Values, .. progress.Where(shard => !parts.ContainsKey(shard.Key)).Select(shard => shard.Value)]);
    }

    /// <param name="before">Counts the parts of shards with a lower number only: those behind have parts that no worker wrote.</param>
    public async Task<int> CountPartsAsync(CancellationToken cancellation, int before = int.MaxValue)
    {
        int count = 0;
        string parts = _prefix + "parts/";
        await foreach (var part in _container.GetBlobsAsync(new GetBlobsOptions { Prefix = parts }, cancellation))
        {
            if (int.Parse(part.Name[parts.Length..], CultureInfo.InvariantCulture) < before)
                count++;
        }
        return count;
    }

    /// <summary>Deletes all blobs of the batch. Call it when no worker can be running the batch any more.</summary>
    public async Task DeleteAsync(CancellationToken cancellation)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        var all = _container.GetBlobsAsync(new GetBlobsOptions { Prefix = _prefix }, cancellation);
        await Parallel.ForEachAsync(all, options, async (blob, stop) =>
            await _container.DeleteBlobIfExistsAsync(blob.Name, cancellationToken: stop));
    }

    private async Task<IReadOnlyDictionary<int, PartCounts>> ListCountsAsync(string folder, CancellationToken cancellation)
    {
        Dictionary<int, PartCounts> counts = [];
        var options = new GetBlobsOptions { Traits = BlobTraits.Metadata, Prefix = _prefix + folder };
        await foreach (var blob in _container.GetBlobsAsync(options, cancellation))
        {
            int shard = int.Parse(blob.Name.AsSpan(options.Prefix.Length), CultureInfo.InvariantCulture);
            counts[shard] = Counts(blob.Metadata);
        }
        return counts;
    }

    private BlockBlobClient Shard(string planId, int shard) =>
        _container.GetBlockBlobClient($"{_prefix}shards/{planId}/{shard:D6}.jsonl");

    private string PartName(int shard) => $"{_prefix}parts/{shard:D6}";

    private string ProgressName(int shard) => $"{_prefix}progress/{shard:D6}";

    private string AttemptsName(int shard) => $"{_prefix}attempts/{shard:D6}";

    private static BinaryData Content(IEnumerable<PartLine> lines) =>
        BinaryData.FromString(string.Concat(lines.Select(line => line + "\n")));

    private static List<PartLine> Lines(BinaryData content) =>
        [.. content.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(PartLine.Parse)];

    private static Dictionary<string, string> Metadata(PartCounts counts) => new()
    {
        ["completed"] = Invariant(counts.Completed),
        ["failed"] = Invariant(counts.Failed),
        ["prompt_tokens"] = Invariant(counts.PromptTokens),
        ["completion_tokens"] = Invariant(counts.CompletionTokens),
        ["expired"] = Invariant(counts.Expired),
    };

    private static PartCounts Counts(IDictionary<string, string> metadata)
    {
        long Count(string name) => long.Parse(metadata[name], CultureInfo.InvariantCulture);
        int expired = metadata.ContainsKey("expired") ? (int)Count("expired") : 0;     // parts of earlier versions have none
        return new PartCounts((int)Count("completed"), (int)Count("failed"), Count("prompt_tokens"), Count("completion_tokens"), expired);
    }

    private async Task<bool> WriteOnceAsync(
        string name, BinaryData content, Dictionary<string, string>? metadata, CancellationToken cancellation)
    {
        try
        {
            var options = new BlobUploadOptions { Conditions = s_onlyOnce, Metadata = metadata };
            await _container.GetBlobClient(_prefix + name).UploadAsync(content, options, cancellation);
            return true;
        }
        catch (RequestFailedException failure) when (failure.Status is 409 or 412)
        {
            return false;
        }
    }

    private static string Invariant(long value) => value.ToString(CultureInfo.InvariantCulture);
}
