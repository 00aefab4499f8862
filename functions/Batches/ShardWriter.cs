using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Cuts checked lines into shards of about a minute of work. Lines are grouped by length inside windows of consecutive lines, so that rows of a forward pass have
/// little padding and the finish holds one window at a time.
/// </summary>
internal sealed class ShardWriter(BatchBlobs blobs, string attempt)
{
    private const int WindowLines = 4096, WindowBytes = 32 << 20;
    private const int MaxShardLines = 512, MaxShardBytes = 4 << 20;
    private static readonly TimeSpan s_shardDuration = TimeSpan.FromMinutes(1);

    private readonly List<(byte[] Json, LineCost Cost)> _window = [];
    private readonly List<byte[]> _refused = [];
    private readonly List<PlannedShard> _shards = [];
    private long _windowBytes;
    private int _windows;

    public IReadOnlyList<PlannedShard> Shards => _shards;

    public int NumLines => _shards.Sum(shard => shard.NumLines);

    public async Task AddAsync(ShardLine line, ModelRecord model, CancellationToken cancellation)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(line, WireJson.Options);
        _window.Add((json, LineCost.Of(line.Body)));
        _windowBytes += json.Length;
        if (_window.Count == WindowLines || _windowBytes >= WindowBytes)
            await CloseWindowAsync(model, cancellation);
    }

    /// <summary>Takes a line that cannot become a request; its body becomes the reason.</summary>
    public void Refuse(ShardLine line, LineError error) =>
        _refused.Add(JsonSerializer.SerializeToUtf8Bytes(line with { Body = JsonSerializer.SerializeToElement(error, WireJson.Options) }, WireJson.Options));

    /// <summary>Writes what is left; call it once after the last line.</summary>
    public async Task CloseWindowAsync(ModelRecord model, CancellationToken cancellation)
    {
        double budget = model.PlannedTokenForwardsPerSecond * s_shardDuration.TotalSeconds;
        List<byte[]> shard = [];
        double cost = 0;
        long bytes = 0;
        foreach (var line in _window.OrderBy(line => line.Cost.CanvasTokens))
        {
            bool isFull = cost + line.Cost.TokenForwards > budget || shard.Count == MaxShardLines || bytes + line.Json.Length > MaxShardBytes;
            if (isFull && shard.Count > 0)
            {
                await WriteAsync(shard, cancellation);
                (shard, cost, bytes) = ([], 0, 0);
            }
            shard.Add(line.Json);
            cost += line.Cost.TokenForwards;
            bytes += line.Json.Length;
        }
        if (shard.Count > 0)
            await WriteAsync(shard, cancellation);
        foreach (byte[][] refused in _refused.Chunk(MaxShardLines))
            await WriteAsync(refused, cancellation, isRefused: true);
        _refused.Clear();
        _window.Clear();
        _windowBytes = 0;
        _windows++;
    }

    private async Task WriteAsync(IReadOnlyCollection<byte[]> lines, CancellationToken cancellation, bool isRefused = false)
    {
        using var content = new MemoryStream();
        foreach (byte[] line in lines)
        {
            content.Write(line);
            content.WriteByte((byte)'\n');
        }
        await blobs.WriteShardAsync(attempt, _shards.Count, new BinaryData(content.GetBuffer().AsMemory(0, (int)content.Length)), cancellation);
        _shards.Add(new PlannedShard(_windows, lines.Count, isRefused));
    }
}
