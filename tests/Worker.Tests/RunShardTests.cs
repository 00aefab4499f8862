using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using LLaDA.Tests;
using Microsoft.Extensions.Logging.Abstractions;

namespace LLaDA.Batch.Worker.Tests;

public sealed class RunShardTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private const string Attempt = "attempt";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    private readonly TensorThread _tensors = new();

    [Fact]
    public async Task Every_line_is_answered_once_and_bad_ones_fail_alone()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(20)], bad: [3, 7]);

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        var part = await Blobs(storage, batch).ReadPartAsync(0, CancellationToken.None);
        Assert.Equal(Enumerable.Range(1, 20), part.Select(line => line.Line).Order());
        Assert.Equal([3, 7], part.Where(line => line.IsError).Select(line => line.Line).Order());
        Assert.All(part.Where(line => !line.IsError), line => Assert.DoesNotContain("[MASK", Text(line), StringComparison.Ordinal));
        var counts = (await Blobs(storage, batch).ListPartsAsync(CancellationToken.None))[0];
        Assert.Equal((18, 2), (counts.Completed, counts.Failed));
        Assert.Equal(18 * 2, counts.CompletionTokens);
    }

    [Fact]
    public async Task A_message_that_comes_twice_gives_the_same_part()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(5)]);

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => IgnoringTryAgainAsync(runner.RunAsync(Message(batch, 0), CancellationToken.None))));
        string[] before = await JsonAsync(storage, batch, 0);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Equal(before, await JsonAsync(storage, batch, 0));
        Assert.Equal(5, before.Length);
    }

    [Fact]
    public async Task The_same_line_gets_the_same_answer_whoever_runs_it()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(6, temperature: 1)]);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None);
        string[] first = [.. (await Blobs(storage, batch).ReadPartAsync(0, CancellationToken.None)).OrderBy(line => line.Line).Select(Text)];
        await storage.Container(StorageNames.BatchesContainer).DeleteBlobAsync($"{batch.Tenant}/{batch.RowKey}/parts/000000");

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Equal(first, (await Blobs(storage, batch).ReadPartAsync(0, CancellationToken.None)).OrderBy(line => line.Line).Select(Text));
        Assert.True(first.Distinct().Count() > 1);
    }

    [Fact]
    public async Task The_last_part_calls_for_the_finish_and_earlier_ones_do_not()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(1), Lines(1), Lines(1)]);
        var finish = storage.Queue(StorageNames.FinishQueue);

        await runner.RunAsync(Message(batch, 2), CancellationToken.None);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None);
        Assert.Equal(0, (await finish.GetPropertiesAsync()).Value.ApproximateMessagesCount);
        await runner.RunAsync(Message(batch, 1), CancellationToken.None);

        Assert.Equal(1, (await finish.GetPropertiesAsync()).Value.ApproximateMessagesCount);
    }

    [Fact]
    public async Task A_finished_shard_releases_the_one_whose_turn_is_next()
    {
        var (runner, storage, batch) = await PlannedAsync([.. Enumerable.Repeat(Lines(1), BatchTimes.ReleaseWindow + 2)]);

        await runner.RunAsync(Message(batch, 1), CancellationToken.None);

        var released = (await storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile)).ReceiveMessageAsync()).Value;
        Assert.Equal(BatchTimes.ReleaseWindow + 1, JsonNode.Parse(released.Body)!["shard"]!.GetValue<int>());
    }

    [Fact]
    public async Task A_shard_of_another_plan_or_of_an_ended_batch_is_not_run()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(1)]);

        await runner.RunAsync(Message(batch, 0) with { Attempt = "another" }, CancellationToken.None);
        await SetStatusAsync(storage, batch, BatchStatus.Cancelling);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Empty(await Blobs(storage, batch).ListPartsAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_shard_that_another_worker_holds_is_put_off()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(1)]);
        await Blobs(storage, batch).LeaseOf(Attempt, 0).AcquireAsync(TimeSpan.FromSeconds(60));

        await Assert.ThrowsAsync<TryAgainException>(() => runner.RunAsync(Message(batch, 0), CancellationToken.None));
    }

    [Fact]
    public async Task A_cancelled_batch_keeps_the_lines_that_were_finished()
    {
        var (runner, storage, batch) = await PlannedAsync([SlowLines(400)]);
        var running = runner.RunAsync(Message(batch, 0), CancellationToken.None);
        await SetStatusAsync(storage, batch, BatchStatus.Cancelling);

        await running.WaitAsync(s_limit);

        var part = await Blobs(storage, batch).ReadPartAsync(0, CancellationToken.None);
        Assert.Equal(400, part.Count);
        Assert.All(part.Where(line => line.IsError), line => Assert.Contains("batch_cancelled", line.Json, StringComparison.Ordinal));
        Assert.Contains(part, line => line.IsError);
        Assert.Contains(part, line => !line.IsError);
    }

    [Fact]
    public async Task A_shutdown_keeps_what_was_finished_for_the_next_owner_and_counts_no_attempt()
    {
        var (runner, storage, batch) = await PlannedAsync([SlowLines(200)]);
        var blobs = Blobs(storage, batch);
        using var shutdown = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => runner.RunAsync(Message(batch, 0), shutdown.Token));

        var (finished, counts) = await blobs.ReadProgressAsync(0, CancellationToken.None);
        Assert.InRange(finished.Count, 1, 199);
        Assert.Equal(finished.Count, counts.Completed);
        Assert.Equal(0, await blobs.ReadAttemptsAsync(0, CancellationToken.None));
        await runner.RunAsync(Message(batch, 0), CancellationToken.None).WaitAsync(s_limit);

        var part = await blobs.ReadPartAsync(0, CancellationToken.None);
        Assert.Equal(200, part.Count);
        Assert.Equal(finished.Select(line => line.Json), part.Take(finished.Count).Select(line => line.Json));
        Assert.Equal(200, (await blobs.ListPartsAsync(CancellationToken.None))[0].Completed);
    }

    [Fact]
    public async Task A_shard_that_ended_too_often_without_an_excuse_is_given_up()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(4)]);
        await Blobs(storage, batch).WriteAttemptsAsync(0, 3, CancellationToken.None);

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        var part = await Blobs(storage, batch).ReadPartAsync(0, CancellationToken.None);
        Assert.All(part, line => Assert.Contains("server_error", line.Json, StringComparison.Ordinal));
        Assert.Equal(4, part.Count);
    }

    public void Dispose() => _tensors.Dispose();

    private async Task<(RunShard Runner, StorageAccount Storage, BatchRecord Batch)> PlannedAsync(IReadOnlyList<object[]> shards, int[]? bad = null)
    {
        var storage = await fixture.NewAccountAsync();
        var batches = new BatchStore(storage, TimeProvider.System);
        var batch = new BatchRecord { PartitionKey = "tenant", Status = BatchStatus.InProgress, Endpoint = BatchEndpoint.Infill, ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1) };
        await batches.AddAsync(batch, CancellationToken.None);
        var blobs = Blobs(storage, batch);
        int line = 0;
        for (int shard = 0; shard < shards.Count; shard++)
        {
            var lines = shards[shard].Select(body => new ShardLine(++line, $"id-{line}", JsonSerializer.SerializeToElement(bad?.Contains(line) == true ? new { model = TinyModel.Id } : body)));
            await blobs.WriteShardAsync(Attempt, shard, BinaryData.FromString(string.Concat(lines.Select(entry => JsonSerializer.Serialize(entry, WireJson.Options) + "\n"))), CancellationToken.None);
        }
        await blobs.PublishPlanAsync(
            new BatchPlan(Attempt, TinyModel.Id, StorageNames.DefaultProfile, line, [.. shards.Select(shard => new PlannedShard(0, shard.Length))]), CancellationToken.None);

        var options = new WorkerOptions { ModelsPath = model.Folder, BatchTokens = 256 };
        var runner = new RunShard(
            batches, storage, new WorkQueues(storage), new ModelHost(options, _tensors), TimeProvider.System, NullLogger<RunShard>.Instance);
        return (runner, storage, batch);
    }

    private static object[] Lines(int count, double temperature = 0) =>
        [.. Enumerable.Range(0, count).Select(index => new { model = TinyModel.Id, text = $"the [MASK:2] {new string('x', index % 5)} fox", temperature })];

    /// <summary>Each takes fifty forward passes.</summary>
    private static object[] SlowLines(int count) => [.. Enumerable.Range(0, count).Select(_ => new { model = TinyModel.Id, text = "the [MASK:50]" })];

    private static ShardMessage Message(BatchRecord batch, int shard) => new(batch.Tenant, batch.RowKey, Attempt, shard);

    private static BatchBlobs Blobs(StorageAccount storage, BatchRecord batch) => new(storage, batch);

    private static Task<BatchRecord?> SetStatusAsync(StorageAccount storage, BatchRecord batch, BatchStatus status) => new BatchStore(storage, TimeProvider.System).UpdateAsync(batch, current =>
    {
        current.Status = status;
        return true;
    }, CancellationToken.None);

    private static async Task<string[]> JsonAsync(StorageAccount storage, BatchRecord batch, int shard) =>
        [.. (await Blobs(storage, batch).ReadPartAsync(shard, CancellationToken.None)).Select(line => line.Json)];

    private static string Text(PartLine line) => JsonNode.Parse(line.Json)!["response"]!["body"]!["text"]!.GetValue<string>();

    private static async Task IgnoringTryAgainAsync(Task work)
    {
        try
        {
            await work;
        }
        catch (TryAgainException)
        {
        }
    }
}
