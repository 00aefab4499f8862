using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Cuts checked lines into shards of about a minute of work. Lines are grouped by length inside line windows of consecutive lines, so that
/// rows of a forward pass have little padding and the finish holds one line window at a time.
/// </summary>
/// <param name="maxLineSeconds">Work of a line, at the speed of its model; more is an error of that line.</param>
internal sealed class ShardWriter(BatchBlobs blobs, string planId, int maxLineSeconds) : IPlannedLines
{
    private const int WindowLines = 4096, WindowBytes = 32 << 20;
    private const int MaxShardLines = 512, MaxShardBytes = 4 << 20;

    /// <summary>Shards of a window, or a few more where bytes are many: lines that each take minutes share them.</summary>
    private const int MaxWindowShards = 256;

    /// <summary>Shards written at a time; more would hold more of a line window twice.</summary>
    private const int Concurrency = 4;

    private static readonly TimeSpan s_shardDuration = TimeSpan.FromMinutes(1);

    private readonly List<(byte[] Json, LineCost Cost)> _window = [];
    private readonly List<byte[]> _settled = [];
    private readonly List<PlannedShard> _shards = [];
    private long _windowBytes;
    private int _windows;

    public IReadOnlyList<PlannedShard> Shards => _shards;

    public int NumLines => _shards.Sum(shard => shard.NumLines);

    /// <summary>Tokens of all lines, given and new ones, by the estimate of <see cref="LineCost"/>.</summary>
    public long EstimatedTokens { get; private set; }

    public async Task AddAsync(ShardLine line, ModelRecord model, CancellationToken cancellation)
    {
        var (limit, least) = (LimitOf(model), LineCost.AtLeast(line.Body, model.ContextLength).Work);
        if (!limit.Admits(least))
        {
            var error = new LineError(WorkLimit.Code, limit.Refusal(least, isAtLeast: true));
            await AddAsync(SettledLine.Refused(line.Line, line.CustomId, error), model, cancellation);
            return;
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(line, WireJson.Options);
        var estimate = LineCost.Estimate(line.Body, model.ContextLength);
        _window.Add((json, estimate));
        EstimatedTokens += estimate.GivenTokens + estimate.NewTokens;
        await CloseIfFullAsync(json.Length, model, cancellation);
    }

    /// <summary>The most work of a line.</summary>
    public WorkLimit LimitOf(ModelRecord model) => WorkLimit.Of(model.Id, model.PlannedTokenForwardsPerSecond, maxLineSeconds);

    /// <summary>Adds a line whose outcome is known: no worker runs it.</summary>
    public async Task AddAsync(SettledLine line, ModelRecord model, CancellationToken cancellation)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(line.ToShardLine(), WireJson.Options);
        _settled.Add(json);
        await CloseIfFullAsync(json.Length, model, cancellation);
    }

    /// <summary>Writes the remaining lines; call it once after the last line.</summary>
    public async Task CloseWindowAsync(ModelRecord model, CancellationToken cancellation)
    {
        List<(int Shard, IReadOnlyCollection<byte[]> Lines)> cut = [];
        double budget = model.PlannedTokenForwardsPerSecond * s_shardDuration.TotalSeconds;
        int minLines = (_window.Count + MaxWindowShards - 1) / MaxWindowShards;
        foreach (var (lines, cost) in Cut(_window.OrderBy(line => line.Cost.CanvasTokens), budget, minLines))
            Add(lines, isRefused: false, cost / model.PlannedTokenForwardsPerSecond);
        foreach (var (lines, _) in Cut(_settled.Select(json => (json, default(LineCost))), budget, minLines: 1))
            Add(lines, isRefused: true, seconds: 0);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        await Parallel.ForEachAsync(cut, options, async (shard, stop) =>
            await blobs.Shards.WriteAsync(planId, shard.Shard, Content(shard.Lines), stop, _shards[shard.Shard]));
        _settled.Clear();
        _window.Clear();
        _windowBytes = 0;
        _windows++;

        void Add(IReadOnlyCollection<byte[]> lines, bool isRefused, double seconds)
        {
            cut.Add((_shards.Count, lines));
            _shards.Add(new PlannedShard(_windows, lines.Count, isRefused, Math.Round(seconds, 3)));
        }
    }

    private Task CloseIfFullAsync(int bytes, ModelRecord model, CancellationToken cancellation)
    {
        _windowBytes += bytes;
        bool isFull = _window.Count + _settled.Count == WindowLines || _windowBytes >= WindowBytes;
        return isFull ? CloseWindowAsync(model, cancellation) : Task.CompletedTask;
    }

    /// <param name="budget">Token forwards of a shard, which one of fewer than <paramref name="minLines"/> lines may exceed.</param>
    private static IEnumerable<(IReadOnlyCollection<byte[]> Lines, double Cost)> Cut(
        IEnumerable<(byte[] Json, LineCost Cost)> window, double budget, int minLines)
    {
        List<byte[]> shard = [];
        double cost = 0;
        long bytes = 0;
        foreach (var line in window)
        {
            bool isFull = (cost + line.Cost.TokenForwards > budget && shard.Count >= minLines)
                || shard.Count == MaxShardLines
                || bytes + line.Json.Length > MaxShardBytes;
            if (isFull && shard.Count > 0)
            {
                yield return (shard, cost);
                (shard, cost, bytes) = ([], 0, 0);
            }
            shard.Add(line.Json);
            cost += line.Cost.TokenForwards;
            bytes += line.Json.Length;
        }
        if (shard.Count > 0)
            yield return (shard, cost);
    }

    private static BinaryData Content(IReadOnlyCollection<byte[]> lines)
    {
        byte[] content = new byte[lines.Sum(line => line.Length + 1)];
        int end = 0;
        foreach (byte[] line in lines)
        {
            line.CopyTo(content, end);
            end += line.Length;
            content[end++] = (byte)'\n';
        }
        return new BinaryData(content);
    }
}
