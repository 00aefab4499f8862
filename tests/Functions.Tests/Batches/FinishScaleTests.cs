using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

/// <summary>A cancelled batch has a missing part for each of its shards: finishing it costs a constant number of calls a shard.</summary>
public sealed class FinishScaleTests(StorageFixture fixture)
{
    /// <summary>Reads the shard, writes the part, reads the part.</summary>
    private const int CallsPerShard = 3;

    private const int AtOnce = 4;

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    /// <summary>So many shards are being read together; until then, none is.</summary>
    private TaskCompletionSource _together = new();

    private int _calls, _concurrent, _mostConcurrent;

    [Fact]
    public async Task The_calls_grow_with_the_number_of_shards_and_several_are_made_at_once()
    {
        var (small, large) = (await CountAsync(40), await CountAsync(120));

        Assert.Equal(CallsPerShard * (120 - 40), large - small);
        Assert.Equal(AtOnce, _mostConcurrent);
    }

    private async Task<int> CountAsync(int numShards)
    {
        await using var plane = await StartAsync(fixture, new StorageFaults { Before = BeginAsync, After = EndAsync });
        _together.TrySetResult();
        var batch = await CancelledAsync(plane, numShards);
        _calls = _mostConcurrent = 0;
        _together = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        await plane.FinishAsync(batch);

        var ended = await plane.ReloadAsync(batch);
        Assert.Equal((BatchStatus.Cancelled, numShards), (ended.Status, ended.FailedLines));
        return _calls;
    }

    private static bool IsCounted(string call) =>
        call.Contains("/shards/", StringComparison.Ordinal) || call.Contains("/parts/", StringComparison.Ordinal);

    private static bool IsOfShard(string call) => call.Contains("/shards/", StringComparison.Ordinal);

    private async Task BeginAsync(string call)
    {
        if (!IsCounted(call))
            return;
        Interlocked.Increment(ref _calls);
        if (!IsOfShard(call))
            return;
        int now = Interlocked.Increment(ref _concurrent);
        for (int seen = _mostConcurrent; seen < now; seen = _mostConcurrent)
            Interlocked.CompareExchange(ref _mostConcurrent, now, seen);
        if (now >= AtOnce)
            _together.TrySetResult();
        await _together.Task.WaitAsync(s_limit);
    }

    private Task EndAsync(string call)
    {
        if (IsOfShard(call))
            Interlocked.Decrement(ref _concurrent);
        return Task.CompletedTask;
    }

    private static async Task<BatchRecord> CancelledAsync(ControlPlane plane, int numShards)
    {
        var batch = new BatchRecord { PartitionKey = Tenant, Endpoint = "/v1/infill", ExpiresAt = plane.Time.GetUtcNow().AddDays(1) };
        await plane.Batches.AddAsync(batch, inputBytes: 0, CancellationToken.None);
        var blobs = plane.Blobs(batch);
        for (int shard = 0; shard < numShards; shard++)
        {
            var line = new ShardLine(shard + 1, $"id-{shard}", JsonElement.Parse("{}"));
            await blobs.Shards.WriteAsync("plan", shard, BinaryData.FromObjectAsJson(line, WireJson.Options), CancellationToken.None);
        }
        var plan = new BatchPlan(
            "plan", Model, StorageNames.DefaultProfile, numShards, [.. Enumerable.Range(0, numShards).Select(_ => new PlannedShard(0, 1))]);
        await blobs.PublishPlanAsync(plan, CancellationToken.None);
        await plane.Batches.UpdateAsync(batch, current => current.TryCancel(plane.Time.GetUtcNow()), CancellationToken.None);
        plane.Time.Advance(BatchTimes.CancelGrace);
        return batch;
    }
}
