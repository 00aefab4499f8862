using System.Globalization;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The shards of a batch: their lines, the right to work on them, and the attempts that were made.</summary>
public sealed class ShardBlobs
{
    private const string Extension = ".jsonl", PlannedName = "planned";

    private readonly BatchFolder _folder;

    internal ShardBlobs(BatchFolder folder) => _folder = folder;

    /// <param name="planned">
    /// The plan's entry of the shard, which the blob keeps as well: the plan is rebuilt from its shards where its own blob is lost.
    /// </param>
    public Task WriteAsync(
        string planId, int shard, BinaryData lines, CancellationToken cancellation, PlannedShard? planned = null)
    {
        var options = new BlobUploadOptions();
        if (planned is not null)
            options.Metadata = new Dictionary<string, string> { [PlannedName] = JsonSerializer.Serialize(planned, WireJson.Options) };
        return Blob(planId, shard).UploadAsync(lines.ToStream(), options, cancellation);
    }

    /// <summary>The plan's entries of the shards whose blobs exist, by shard number.</summary>
    /// <returns>Null for a shard that does not keep its entry, as those of earlier versions.</returns>
    public async Task<IReadOnlyDictionary<int, PlannedShard?>> ListPlannedAsync(string planId, CancellationToken cancellation)
    {
        var options = new GetBlobsOptions { Prefix = _folder.NameOf(FolderOf(planId)), Traits = BlobTraits.Metadata };
        Dictionary<int, PlannedShard?> shards = [];
        await foreach (var blob in _folder.Container.GetBlobsAsync(options, cancellation))
        {
            int shard = int.Parse(blob.Name[options.Prefix.Length..^Extension.Length], CultureInfo.InvariantCulture);
            shards[shard] = blob.Metadata.TryGetValue(PlannedName, out string? planned)
                ? JsonSerializer.Deserialize<PlannedShard>(planned, WireJson.Options)
                : null;
        }
        return shards;
    }

    /// <summary>Writes a shard whose lines are already known to be its only ones; a second write leaves it as it is.</summary>
    public Task WriteOnceAsync(string planId, int shard, BinaryData lines, CancellationToken cancellation) =>
        _folder.WriteOnceAsync(Name(planId, shard), lines, metadata: null, cancellation);

    /// <returns>Null when the blob of the shard is lost.</returns>
    public async Task<IReadOnlyList<ShardLine>?> FindAsync(string planId, int shard, CancellationToken cancellation)
    {
        try
        {
            return await ReadAsync(planId, shard, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return await Blob(planId, shard).ExistsAsync(cancellation) ? await ReadAsync(planId, shard, cancellation) : null;
        }
    }

    public async Task<IReadOnlyList<ShardLine>> ReadAsync(string planId, int shard, CancellationToken cancellation)
    {
        var content = await Blob(planId, shard).DownloadContentAsync(cancellation);
        using var reader = new StreamReader(content.Value.Content.ToStream());
        List<ShardLine> lines = [];
        while (await reader.ReadLineAsync(cancellation) is { } line)
            lines.Add(JsonSerializer.Deserialize<ShardLine>(line, WireJson.Options)!);
        return lines;
    }

    /// <summary>The number of some line of a shard, which takes a read of a few bytes; null for a shard that is lost.</summary>
    public async Task<int?> FindLineNumberAsync(string planId, int shard, CancellationToken cancellation)
    {
        const int enough = 32;    // the text of a line begins with its number
        try
        {
            var options = new BlobDownloadOptions { Range = new HttpRange(0, enough) };
            var start = (await Blob(planId, shard).DownloadContentAsync(options, cancellation)).Value.Content.ToMemory();
            return FirstNumber(start.Span);
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return null;
        }
    }

    /// <summary>The exclusive right to work on a shard.</summary>
    public BlobLeaseClient LeaseOf(string planId, int shard) => Blob(planId, shard).GetBlobLeaseClient();

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
            var properties = await Blob(planId, shard).GetPropertiesAsync(cancellationToken: cancellation);
            return properties.Value.LeaseState == LeaseState.Leased;
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return null;
        }
    }

    /// <summary>The attempts on a shard that were begun and not excused; guarded by the shard's lease.</summary>
    public Task<ShardAttempts?> FindAttemptsAsync(int shard, CancellationToken cancellation) =>
        _folder.FindJsonAsync<ShardAttempts>(AttemptsName(shard), cancellation);

    public Task WriteAttemptsAsync(int shard, ShardAttempts attempts, CancellationToken cancellation) =>
        _folder.WriteJsonAsync(AttemptsName(shard), attempts, cancellation);

    private BlockBlobClient Blob(string planId, int shard) =>
        _folder.Container.GetBlockBlobClient(_folder.NameOf(Name(planId, shard)));

    private static string Name(string planId, int shard) => $"{FolderOf(planId)}{shard:D6}{Extension}";

    private static string FolderOf(string planId) => $"shards/{planId}/";

    private static string AttemptsName(int shard) => $"attempts/{shard:D6}";

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
}
