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

    /// <summary>What the worker of an answer at once shows of it.</summary>
    public FrameBlob Frames => new(_container.GetAppendBlobClient(_prefix + "frames"));

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

    /// <summary>Writes a shard whose lines are already known to be its only ones; a second write leaves it as it is.</summary>
    public Task WriteShardOnceAsync(string planId, int shard, BinaryData lines, CancellationToken cancellation) =>
        WriteOnceAsync(ShardName(planId, shard), lines, metadata: null, cancellation);

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
    /// <param name="worker">The name of the worker; null where no worker ran the lines.</param>
    public async Task<bool> WritePartAsync(
        int shard, IEnumerable<PartLine> lines, PartCounts counts, CancellationToken cancellation, string? worker = null)
    {
        string name = PartName(shard)[_prefix.Length..];
        PartLine[] all = [.. lines];
        bool isWritten = await WriteOnceAsync(name, Content(all), PartMetadata.Of(counts, all, worker), cancellation);
        if (isWritten)
        {
            Telemetry.Lines.Add(counts.Completed, Telemetry.With(Telemetry.Outcome, "completed"));
            Telemetry.Lines.Add(counts.Failed, Telemetry.With(Telemetry.Outcome, "failed"));
        }
        return isWritten;
    }

    public async Task<IReadOnlyList<PartLine>> ReadPartAsync(int shard, CancellationToken cancellation) =>
        Lines((await _container.GetBlobClient(PartName(shard)).DownloadContentAsync(cancellation)).Value.Content);

    /// <returns>Null while there is no such part.</returns>
    public async Task<(IReadOnlyList<PartLine> Lines, PartCounts Counts)?> FindPartAsync(int shard, CancellationToken cancellation)
    {
        try
        {
            var content = (await _container.GetBlobClient(PartName(shard)).DownloadContentAsync(cancellation)).Value;
            return (Lines(content.Content), PartMetadata.CountsOf(content.Details.Metadata));
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return null;
        }
    }

    /// <summary>The counts of a part that exists.</summary>
    public async Task<PartCounts> ReadPartCountsAsync(int shard, CancellationToken cancellation)
    {
        var properties = await _container.GetBlobClient(PartName(shard)).GetPropertiesAsync(cancellationToken: cancellation);
        return PartMetadata.CountsOf(properties.Value.Metadata);
    }

    /// <summary>Keeps the finished lines of a shard for its next owner; guarded by the shard's lease.</summary>
    public Task WriteProgressAsync(
        int shard, IReadOnlyCollection<PartLine> lines, PartCounts counts, CancellationToken cancellation, string? worker = null) =>
        _container.GetBlobClient(ProgressName(shard))
            .UploadAsync(Content(lines), new BlobUploadOptions { Metadata = PartMetadata.Of(counts, lines, worker) }, cancellation);

    /// <summary>The lines that a previous owner of the shard had finished.</summary>
    public async Task<(IReadOnlyList<PartLine> Lines, PartCounts Counts)> ReadProgressAsync(int shard, CancellationToken cancellation)
    {
        try
        {
            var content = (await _container.GetBlobClient(ProgressName(shard)).DownloadContentAsync(cancellation)).Value;
            return (Lines(content.Content), PartMetadata.CountsOf(content.Details.Metadata) with { InWork = 0 });
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return ([], PartCounts.None);
        }
    }

    /// <summary>Keeps what of unfinished lines is done for the shard's next owner; guarded by the shard's lease.</summary>
    public Task WriteUnfinishedAsync(int shard, IReadOnlyList<UnfinishedLine> lines, CancellationToken cancellation) =>
        _container.GetBlobClient(UnfinishedName(shard))
            .UploadAsync(BinaryData.FromObjectAsJson(lines, WireJson.Options), overwrite: true, cancellation);

    /// <summary>
    /// What a previous owner of the shard had done of unfinished lines; of lines that are finished by now, it is out of date.
    /// </summary>
    public async Task<IReadOnlyList<UnfinishedLine>> ReadUnfinishedAsync(int shard, CancellationToken cancellation)
    {
        try
        {
            var content = await _container.GetBlobClient(UnfinishedName(shard)).DownloadContentAsync(cancellation);
            return content.Value.Content.ToObjectFromJson<List<UnfinishedLine>>(WireJson.Options)!;
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return [];
        }
    }

    /// <summary>The parts that exist, by shard number.</summary>
    public async Task<IReadOnlyDictionary<int, PartCounts>> ListPartsAsync(CancellationToken cancellation) =>
        CountsOf(await ListAsync("parts/", cancellation));

    /// <summary>The stored progress, by shard number; that of a shard with a part is out of date.</summary>
    public async Task<IReadOnlyDictionary<int, PartCounts>> ListProgressAsync(CancellationToken cancellation) =>
        CountsOf(await ListAsync("progress/", cancellation));

    /// <summary>All finished lines, by shard number: the parts, and the progress of shards without one.</summary>
    public async Task<IReadOnlyDictionary<int, FinishedWork>> ListFinishedAsync(CancellationToken cancellation)
    {
        var finished = await ListAsync("progress/", cancellation);   // first: a part that is written meanwhile replaces it
        foreach (var (shard, part) in await ListAsync("parts/", cancellation))
            finished[shard] = part;
        return finished;
    }

    /// <summary>The counts of all finished lines.</summary>
    public async Task<PartCounts> CountLinesAsync(CancellationToken cancellation) =>
        PartCounts.Sum((await ListFinishedAsync(cancellation)).Values.Select(work => work.Counts));

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

    /// <summary>The number of some line of a shard, which takes a read of a few bytes; null for a shard that is lost.</summary>
    public async Task<int?> FindLineNumberAsync(string planId, int shard, CancellationToken cancellation)
    {
        const int enough = 32;    // the text of a line begins with its number
        try
        {
            var options = new BlobDownloadOptions { Range = new HttpRange(0, enough) };
            var start = (await Shard(planId, shard).DownloadContentAsync(options, cancellation)).Value.Content.ToMemory();
            return FirstNumber(start.Span);
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return null;
        }
    }

    /// <summary>Deletes all blobs of the batch. Call it when no worker can be running the batch any more.</summary>
    public async Task DeleteAsync(CancellationToken cancellation)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        var all = _container.GetBlobsAsync(new GetBlobsOptions { Prefix = _prefix }, cancellation);
        await Parallel.ForEachAsync(all, options, async (blob, stop) =>
            await _container.DeleteBlobIfExistsAsync(blob.Name, cancellationToken: stop));
    }

    private async Task<Dictionary<int, FinishedWork>> ListAsync(string folder, CancellationToken cancellation)
    {
        Dictionary<int, FinishedWork> finished = [];
        var options = new GetBlobsOptions { Traits = BlobTraits.Metadata, Prefix = _prefix + folder };
        await foreach (var blob in _container.GetBlobsAsync(options, cancellation))
        {
            int shard = int.Parse(blob.Name.AsSpan(options.Prefix.Length), CultureInfo.InvariantCulture);
            var counts = PartMetadata.CountsOf(blob.Metadata);
            finished[shard] = new FinishedWork(
                counts, blob.Properties.LastModified ?? default, PartMetadata.WorkerOf(blob.Metadata));
        }
        return finished;
    }

    private static Dictionary<int, PartCounts> CountsOf(Dictionary<int, FinishedWork> finished) =>
        finished.ToDictionary(shard => shard.Key, shard => shard.Value.Counts);

    private static int? FirstNumber(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, isFinalBlock: false, state: default);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.Number)
                return reader.GetInt32();
        }
        return null;
    }

    private BlockBlobClient Shard(string planId, int shard) =>
        _container.GetBlockBlobClient(_prefix + ShardName(planId, shard));

    private static string ShardName(string planId, int shard) => $"shards/{planId}/{shard:D6}.jsonl";

    private string PartName(int shard) => $"{_prefix}parts/{shard:D6}";

    private string ProgressName(int shard) => $"{_prefix}progress/{shard:D6}";

    private string UnfinishedName(int shard) => $"{_prefix}unfinished/{shard:D6}";

    private string AttemptsName(int shard) => $"{_prefix}attempts/{shard:D6}";

    private static BinaryData Content(IEnumerable<PartLine> lines) =>
        BinaryData.FromString(string.Concat(lines.Select(line => line + "\n")));

    private static List<PartLine> Lines(BinaryData content) =>
        [.. content.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(PartLine.Parse)];

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
}
