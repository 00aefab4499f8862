using System.Text.Json.Nodes;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Models;
using static LLaDA.Batch.Worker.Tests.PlannedShards;

namespace LLaDA.Batch.Worker.Tests;

public sealed class ShardMessageHandlerTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private static readonly int s_inFlight = ShardDispatcher.InFlight(OpenBatchRow.UsualSeconds);

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    private readonly PlannedShards _planned = new(fixture, model);

    [Fact]
    public async Task Every_line_is_answered_once_and_bad_ones_fail_alone()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(20)], bad: [3, 7]);

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        var part = await Blobs(storage, batch).Parts.ReadAsync(0, CancellationToken.None);
        Assert.Equal(Enumerable.Range(1, 20), part.Select(line => line.Line).Order());
        Assert.Equal([3, 7], part.Where(line => line.IsError).Select(line => line.Line).Order());
        Assert.All(part.Where(line => !line.IsError), line => Assert.DoesNotContain("[MASK", Text(line), StringComparison.Ordinal));
        var counts = (await Blobs(storage, batch).Parts.ListAsync(CancellationToken.None))[0];
        Assert.Equal((18, 2), (counts.Completed, counts.Failed));
        Assert.Equal(18 * 2, counts.CompletionTokens);
    }

    /// <summary>The functions write its part, again where storage lost it.</summary>
    [Fact]
    public async Task A_shard_whose_outcome_the_plan_knows_is_left_alone()
    {
        using var worker = await WorkerUnderTest.CreateAsync(fixture.NewConnectionString(), model.Folder);
        var batch = await worker.PlanAsync([[WorkerUnderTest.Line(1, new { code = "too_much_work", message = "no" })]], settledShard: 0);

        await worker.Shards.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.False(await new BatchBlobs(worker.Storage, batch).Parts.ExistsAsync(0, CancellationToken.None));
    }

    [Fact]
    public async Task A_message_that_comes_twice_gives_the_same_part()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(5)]);

        await Task.WhenAll(
            Enumerable.Range(0, 3).Select(_ => IgnoringTryAgainAsync(runner.RunAsync(Message(batch, 0), CancellationToken.None))));
        string[] before = await JsonAsync(storage, batch, 0);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Equal(before, await JsonAsync(storage, batch, 0));
        Assert.Equal(5, before.Length);
    }

    [Fact]
    public async Task The_same_line_gets_the_same_answer_whoever_runs_it()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(6, temperature: 1)]);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None);
        string[] first =
            [.. (await Blobs(storage, batch).Parts.ReadAsync(0, CancellationToken.None)).OrderBy(line => line.Line).Select(Text)];
        await storage.Container(StorageNames.BatchesContainer).DeleteBlobAsync($"{batch.Tenant}/{batch.RowKey}/parts/000000");

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        var second = await Blobs(storage, batch).Parts.ReadAsync(0, CancellationToken.None);
        Assert.Equal(first, second.OrderBy(line => line.Line).Select(Text));
        Assert.True(first.Distinct().Count() > 1);
    }

    [Fact]
    public async Task The_last_part_calls_for_the_finish_and_earlier_ones_do_not()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(1), Lines(1), Lines(1)]);
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
        var (runner, storage, batch) = await _planned.CreateAsync([.. Enumerable.Repeat(Lines(1), s_inFlight + 2)]);

        await runner.RunAsync(Message(batch, 1), CancellationToken.None);

        var released = (await storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile)).ReceiveMessageAsync()).Value;
        Assert.Equal(s_inFlight, JsonNode.Parse(released.Body)!["shard"]!.GetValue<int>());
    }

    [Fact]
    public async Task A_shard_of_another_plan_or_of_an_ended_batch_is_not_run()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(1)]);

        await runner.RunAsync(Message(batch, 0) with { PlanId = "another" }, CancellationToken.None);
        await SetStatusAsync(storage, batch, BatchStatus.Cancelling);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Empty(await Blobs(storage, batch).Parts.ListAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_shard_that_another_worker_holds_is_put_off()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(1)]);
        await Blobs(storage, batch).Shards.LeaseOf(Attempt, 0).AcquireAsync(TimeSpan.FromSeconds(60));

        await Assert.ThrowsAsync<TryAgainException>(() => runner.RunAsync(Message(batch, 0), CancellationToken.None));
    }

    [Fact]
    public async Task A_cancelled_batch_keeps_the_lines_that_were_finished()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([SlowLines(400)]);
        using var lease = await _planned.Models.AcquireAsync(new ModelSource(TinyModel.Id), isExclusive: false, CancellationToken.None);
        var running = runner.RunAsync(Message(batch, 0), CancellationToken.None);
        while (!await _planned.Tensors.RunAsync(() => lease.Model.NumSampled > 0, CancellationToken.None))
            await Task.Yield();
        await SetStatusAsync(storage, batch, BatchStatus.Cancelling);

        await running.WaitAsync(s_limit);

        var part = await Blobs(storage, batch).Parts.ReadAsync(0, CancellationToken.None);
        Assert.Equal(400, part.Count);
        Assert.All(part.Where(line => line.IsError), line => Assert.Contains("batch_cancelled", line.Json, StringComparison.Ordinal));
        Assert.Contains(part, line => line.IsError);
        Assert.Contains(part, line => !line.IsError);
    }

    [Fact]
    public async Task A_shard_at_work_when_the_window_ends_says_how_many_of_its_lines_were_not_run()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([SlowLines(400)]);
        await new BatchStore(storage, TimeProvider.System).UpdateAsync(batch, current =>
        {
            current.ExpiresAt = TimeProvider.System.GetUtcNow();
            return true;
        }, CancellationToken.None);

        await runner.RunAsync(Message(batch, 0), CancellationToken.None).WaitAsync(s_limit);

        var part = await Blobs(storage, batch).Parts.ReadAsync(0, CancellationToken.None);
        int expired = part.Count(line => line.Json.Contains("batch_expired", StringComparison.Ordinal));
        var counts = (await Blobs(storage, batch).Parts.ListAsync(CancellationToken.None))[0];
        Assert.Equal((400 - expired, expired, expired), (counts.Completed, counts.Failed, counts.Expired));
        Assert.InRange(expired, 1, 400);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(30)]
    public async Task A_shutdown_keeps_the_finished_lines_for_the_next_owner_and_counts_no_attempt(int finishedAtShutdown)
    {
        const int numLines = 60;
        var (runner, storage, batch) = await _planned.CreateAsync([SlowLines(numLines)]);
        using var lease = await _planned.Models.AcquireAsync(new ModelSource(TinyModel.Id), isExclusive: false, CancellationToken.None);
        using var shutdown = new CancellationTokenSource();
        var running = runner.RunAsync(Message(batch, 0), shutdown.Token);
        // Between two steps, when rows have just been finished and their lines are not yet answered.
        while (!running.IsCompleted && !await _planned.Tensors.RunAsync(() => StopAt(finishedAtShutdown), CancellationToken.None))
            await Task.Yield();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

        var blobs = Blobs(storage, batch);
        var (finished, counts) = await blobs.Progress.ReadAsync(0, CancellationToken.None);
        Assert.Equal((lease.Model.NumSampled, finished.Count), (finished.Count, counts.Completed));
        Assert.InRange(finished.Count, finishedAtShutdown, numLines - 1);
        Assert.Equal(0, (await blobs.Shards.FindAttemptsAsync(0, CancellationToken.None))!.Current!.Failures);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Equal(numLines, lease.Model.NumSampled);
        var part = await blobs.Parts.ReadAsync(0, CancellationToken.None);
        Assert.Equal(Enumerable.Range(1, numLines), part.Select(line => line.Line).Order());
        Assert.Equal(finished.Select(line => line.Json), part.Take(finished.Count).Select(line => line.Json));
        Assert.Equal(numLines, (await blobs.Parts.ListAsync(CancellationToken.None))[0].Completed);

        bool StopAt(int count)
        {
            if (lease.Model.NumSampled < count)
                return false;
            shutdown.Cancel();
            return true;
        }
    }

    public void Dispose() => _planned.Dispose();

    private static async Task SetStatusAsync(StorageAccount storage, BatchRecord batch, BatchStatus status) =>
        await new BatchStore(storage, TimeProvider.System).UpdateAsync(batch, current =>
    {
        current.Status = status;
        return true;
    }, CancellationToken.None);

    private static async Task<string[]> JsonAsync(StorageAccount storage, BatchRecord batch, int shard) =>
        [.. (await Blobs(storage, batch).Parts.ReadAsync(shard, CancellationToken.None)).Select(line => line.Json)];

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
