using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Shared.Tests.Batches;

public sealed class ShardDispatcherTests(StorageFixture fixture)
{
    /// <summary>Shards of plans that know no seconds, as those of earlier versions, count a minute each.</summary>
    private const int InFlight = 32;

    [Fact]
    public async Task A_tenant_with_much_work_leaves_room_for_the_next_one()
    {
        var (storage, batches, release) = await NewAsync();
        for (int index = 0; index < 3; index++)
            await PlannedAsync(batches, "busy", InFlight);
        await release.FillWindowAsync("busy", CancellationToken.None);
        await PlannedAsync(batches, "late", 2);

        await release.FillWindowAsync("late", CancellationToken.None);

        Assert.Equal(
            [.. Enumerable.Repeat("busy", InFlight), "late", "late"], (await TakeAsync(storage))
            .Select(shard => shard.Tenant));
    }

    [Fact]
    public async Task The_batches_of_a_tenant_take_turns()
    {
        var (storage, batches, release) = await NewAsync();
        var first = await PlannedAsync(batches, "tenant", 100);
        var second = await PlannedAsync(batches, "tenant", 3);

        await release.FillWindowAsync("tenant", CancellationToken.None);

        var taken = await TakeAsync(storage);
        Assert.Equal(InFlight, taken.Count);
        Assert.Equal([0, 1, 2], taken.Where(shard => shard.Batch == second.RowKey).Select(shard => shard.Shard));
        Assert.Equal(
            Enumerable.Range(0, InFlight - 3), taken
            .Where(shard => shard.Batch == first.RowKey).Select(shard => shard.Shard));
        Assert.True(taken.FindLastIndex(shard => shard.Batch == second.RowKey) < 8);
    }

    [Fact]
    public async Task The_place_of_a_shard_that_is_done_goes_to_the_next_batch_once_its_own_has_none_left()
    {
        var (storage, batches, release) = await NewAsync();
        var first = await PlannedAsync(batches, "tenant", 2);
        await release.FillWindowAsync("tenant", CancellationToken.None);
        var next = await PlannedAsync(batches, "tenant", 5);
        await TakeAsync(storage);

        await release.DispatchNextAsync(first.Key, CancellationToken.None);

        var shard = Assert.Single(await TakeAsync(storage));
        Assert.Equal((next.RowKey, 0), (shard.Batch, shard.Shard));
    }

    [Fact]
    public async Task Filling_at_once_sends_no_shard_twice()
    {
        var (storage, batches, release) = await NewAsync();
        await PlannedAsync(batches, "tenant", 20);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => release.FillWindowAsync("tenant", CancellationToken.None)));

        Assert.Equal(Enumerable.Range(0, 20), (await TakeAsync(storage)).Select(shard => shard.Shard).Order());
    }

    [Fact]
    public async Task Shards_with_parts_no_longer_take_room()
    {
        var (storage, batches, release) = await NewAsync();
        var batch = await PlannedAsync(batches, "tenant", InFlight + 10);
        await release.FillWindowAsync("tenant", CancellationToken.None);
        await TakeAsync(storage);
        for (int shard = 5; shard < 9; shard++)
            await new BatchBlobs(storage, batch).Parts.WriteAsync(shard, [], PartCounts.None, CancellationToken.None);

        await release.FillWindowAsync("tenant", CancellationToken.None);

        Assert.Equal(Enumerable.Range(InFlight, 4), (await TakeAsync(storage)).Select(shard => shard.Shard));
    }

    [Theory]
    [InlineData(0.01, 256)]
    [InlineData(20, 96)]
    [InlineData(60, 32)]
    [InlineData(120, 16)]
    [InlineData(3600, 8)]
    public async Task The_window_is_in_work(double seconds, int inFlight)
    {
        var (storage, batches, release) = await NewAsync();
        await PlannedAsync(batches, "tenant", 300, seconds);

        await release.FillWindowAsync("tenant", CancellationToken.None);

        Assert.Equal(inFlight, (await TakeAsync(storage)).Count);
        Assert.Equal(inFlight, ShardDispatcher.InFlight(Math.Max(1, seconds)));
    }

    [Fact]
    public async Task A_short_shard_does_not_pass_its_place_to_a_long_one()
    {
        var (storage, batches, release) = await NewAsync();
        var brief = await PlannedAsync(batches, "tenant", 60, seconds: 20);
        await release.FillWindowAsync("tenant", CancellationToken.None);
        await PlannedAsync(batches, "tenant", 100, seconds: 600);
        await release.FillWindowAsync("tenant", CancellationToken.None);    // 1,200 s of the short ones, and one long one
        Assert.Equal(61, (await TakeAsync(storage)).Count);

        await new BatchBlobs(storage, brief).Parts.WriteAsync(0, [], PartCounts.None, CancellationToken.None);
        await release.DispatchNextAsync(brief.Key, CancellationToken.None);

        Assert.Empty(await TakeAsync(storage));
    }

    [Theory]
    [InlineData(BatchPriority.Normal, 6 * 60 * 60, true)]
    [InlineData(BatchPriority.Normal, (6 * 60 * 60) + 1, false)]
    [InlineData(BatchPriority.High, 24 * 60 * 60, true)]
    [InlineData(BatchPriority.High, (24 * 60 * 60) + 1, false)]
    [InlineData(BatchPriority.Low, 60, false)]
    public async Task A_shard_is_ahead_from_six_hours_before_the_expiry_on_or_a_day_with_a_high_priority(
        BatchPriority priority, int secondsLeft, bool isAhead)
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var storage = await fixture.NewAccountAsync();
        var batches = new BatchStore(storage, time);
        var release = new ShardDispatcher(storage, batches, new WorkQueues(storage), time);
        var batch = await PlannedAsync(
            batches, "tenant", numShards: 1, priority: priority, expiresAt: time.GetUtcNow().AddSeconds(secondsLeft));

        await release.FillWindowAsync("tenant", CancellationToken.None);
        var open = (await batches.Open.FindAsync(batch.Key, CancellationToken.None))!;
        await release.DispatchAgainAsync(open, [0], CancellationToken.None);

        Assert.Equal([isAhead, isAhead], (await TakeAsync(storage)).Select(shard => shard.IsAhead));
    }

    private async Task<(StorageAccount, BatchStore, ShardDispatcher)> NewAsync()
    {
        var storage = await fixture.NewAccountAsync();
        var batches = new BatchStore(storage, TimeProvider.System);
        return (storage, batches, new ShardDispatcher(storage, batches, new WorkQueues(storage), TimeProvider.System));
    }

    private static async Task<BatchRecord> PlannedAsync(
        BatchStore batches, string tenant, int numShards, double seconds = 0,
        BatchPriority priority = BatchPriority.Normal, DateTimeOffset? expiresAt = null)
    {
        var batch = new BatchRecord { PartitionKey = tenant, Status = BatchStatus.InProgress, Priority = priority };
        batch.ExpiresAt = expiresAt ?? batch.ExpiresAt;
        await batches.AddAsync(batch, inputBytes: 0, CancellationToken.None);
        var plan = new BatchPlan(
            "attempt", "model", StorageNames.DefaultProfile, numShards,
            [.. Enumerable.Range(0, numShards).Select(_ => new PlannedShard(0, 1, Seconds: seconds))]);
        await batches.SetPlannedAsync(batch, plan, CancellationToken.None);
        return batch;
    }

    private static async Task<List<ShardMessage>> TakeAsync(StorageAccount storage)
    {
        List<ShardMessage> taken = [];
        var queue = storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile));
        while ((await queue.ReceiveMessageAsync()).Value is { } message)
        {
            taken.Add(message.Body.ToObjectFromJson<ShardMessage>(WireJson.Options)!);
            await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
        }
        return taken;
    }
}
