using System.Text.Json;
using System.Text.Json.Nodes;
using Azure;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using LLaDA.Diffusion.Sampling;
using LLaDA.Tests;
using Microsoft.Extensions.Logging.Abstractions;

namespace LLaDA.Batch.Worker.Tests;

public sealed class RunShardTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private const string Attempt = "attempt";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    private readonly TensorThread _tensors = new();
    private ModelHost? _models;

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
        var (runner, storage, batch) = await PlannedAsync([.. Enumerable.Repeat(Lines(1), ShardRelease.Window + 2)]);

        await runner.RunAsync(Message(batch, 1), CancellationToken.None);

        var released = (await storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile)).ReceiveMessageAsync()).Value;
        Assert.Equal(ShardRelease.Window, JsonNode.Parse(released.Body)!["shard"]!.GetValue<int>());
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
        Assert.Equal(0, (await blobs.FindAttemptsAsync(0, CancellationToken.None))!.Current!.Failures);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None).WaitAsync(s_limit);

        var part = await blobs.ReadPartAsync(0, CancellationToken.None);
        Assert.Equal(200, part.Count);
        Assert.Equal(finished.Select(line => line.Json), part.Take(finished.Count).Select(line => line.Json));
        Assert.Equal(200, (await blobs.ListPartsAsync(CancellationToken.None))[0].Completed);
    }

    [Fact]
    public async Task A_part_that_storage_refuses_is_written_by_the_next_owner_without_computing_a_line_again()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(5)], configure: client =>
        {
            client.Retry.MaxRetries = 0;
            client.AddPolicy(new RefusesFirstPart(), HttpPipelinePosition.PerCall);
        });
        using var lease = await _models!.AcquireAsync(new ModelSource(TinyModel.Id), isAlone: false, CancellationToken.None);

        await Assert.ThrowsAsync<RequestFailedException>(() => runner.RunAsync(Message(batch, 0), CancellationToken.None));
        Assert.Equal((5, 5L), ((await Blobs(storage, batch).ReadProgressAsync(0, CancellationToken.None)).Lines.Count, lease.Model.NumSampled));
        await runner.RunAsync(Message(batch, 0), CancellationToken.None).WaitAsync(s_limit);

        Assert.Equal(5, (await Blobs(storage, batch).ListPartsAsync(CancellationToken.None))[0].Completed);
        Assert.Equal(5, lease.Model.NumSampled);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(30)]
    public async Task No_finished_line_is_computed_again_after_a_shutdown(int finishedAtShutdown)
    {
        const int numLines = 60;
        var (runner, storage, batch) = await PlannedAsync([SlowLines(numLines)]);
        using var lease = await _models!.AcquireAsync(new ModelSource(TinyModel.Id), isAlone: false, CancellationToken.None);
        using var shutdown = new CancellationTokenSource();
        var running = runner.RunAsync(Message(batch, 0), shutdown.Token);
        // Between two steps, when rows have just been finished and nobody has been told yet.
        while (!running.IsCompleted && !await _tensors.RunAsync(() => StopAt(finishedAtShutdown), CancellationToken.None))
            await Task.Yield();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

        var (finished, _) = await Blobs(storage, batch).ReadProgressAsync(0, CancellationToken.None);
        Assert.Equal(lease.Model.NumSampled, finished.Count);
        Assert.InRange(finished.Count, finishedAtShutdown, numLines - 1);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Equal(numLines, lease.Model.NumSampled);
        Assert.Equal(Enumerable.Range(1, numLines), (await Blobs(storage, batch).ReadPartAsync(0, CancellationToken.None)).Select(line => line.Line).Order());

        bool StopAt(int count)
        {
            if (lease.Model.NumSampled < count)
                return false;
            shutdown.Cancel();
            return true;
        }
    }

    [Fact]
    public async Task A_line_that_fails_the_work_is_found_by_halving_and_fails_alone()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(13)], poison: [5, 11]);

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        var part = await Blobs(storage, batch).ReadPartAsync(0, CancellationToken.None);
        Assert.Equal(Enumerable.Range(1, 13), part.Select(line => line.Line).Order());
        Assert.Equal([5, 11], part.Where(line => line.IsError).Select(line => line.Line).Order());
        Assert.All(part.Where(line => line.IsError), line => Assert.Contains("server_error", line.Json, StringComparison.Ordinal));
        var counts = (await Blobs(storage, batch).ListPartsAsync(CancellationToken.None))[0];
        Assert.Equal((11, 2), (counts.Completed, counts.Failed));
    }

    [Fact]
    public async Task Lines_that_took_their_workers_with_them_twice_are_run_in_halves()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(4)]);
        var blobs = Blobs(storage, batch);
        await blobs.WriteAttemptsAsync(0, ShardAttempts.Of(4).Begin().Begin(), CancellationToken.None);

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Equal(4, (await blobs.ReadPartAsync(0, CancellationToken.None)).Count(line => !line.IsError));
        Assert.Equal((2, 2), ((await blobs.FindAttemptsAsync(0, CancellationToken.None))!.Current!.First, (await blobs.ReadProgressAsync(0, CancellationToken.None)).Lines.Count));
    }

    [Fact]
    public async Task A_line_is_not_given_up_for_its_neighbours_failures()
    {
        object[] poison = [.. Enumerable.Repeat(new { model = TinyModel.Id, prompt = "the", suffix = " fox", max_tokens = 1 }, 8)];
        object[] innocent = [new { model = TinyModel.Id, prompt = "the", max_tokens = 60 }];
        var (runner, storage, batch) = await PlannedAsync([poison, innocent], endpoint: BatchEndpoint.Completions);
        var blobs = Blobs(storage, batch);
        using (var lease = await _models!.AcquireAsync(new ModelSource(TinyModel.Id), isAlone: false, CancellationToken.None))
        {
            // From here on a row between two texts fails every row of its step.
            int[] canvas = [lease.Model.MaskTokenId];
            await lease.Model.Calls(CancellationToken.None).SampleAsync(new SamplingRow(canvas, new SamplingOptions { Forbidden = lease.Model.NonText }));
            lease.Model.NonText.Dispose();
        }
        using var bothHaveBegun = new ManualResetEventSlim();
        var held = _tensors.RunAsync(() => bothHaveBegun.Wait(s_limit), CancellationToken.None);

        var running = Task.WhenAll(Enumerable.Range(0, 2).Select(shard => runner.RunAsync(Message(batch, shard), CancellationToken.None)));
        foreach (int shard in new[] { 0, 1 })
        {
            while (await blobs.FindAttemptsAsync(shard, CancellationToken.None) is null)
                await Task.Yield();
        }
        bothHaveBegun.Set();
        await running.WaitAsync(s_limit);

        Assert.True(await held);
        Assert.All(await blobs.ReadPartAsync(0, CancellationToken.None), line => Assert.Contains("server_error", line.Json, StringComparison.Ordinal));
        Assert.False(Assert.Single(await blobs.ReadPartAsync(1, CancellationToken.None)).IsError);
    }

    [Fact]
    public async Task A_single_line_that_took_its_workers_with_it_is_given_up()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(1)]);
        await Blobs(storage, batch).WriteAttemptsAsync(0, ShardAttempts.Of(1).Begin().Begin(), CancellationToken.None);

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Contains("server_error", Assert.Single(await Blobs(storage, batch).ReadPartAsync(0, CancellationToken.None)).Json, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_line_is_blamed_where_the_model_in_memory_is_broken()
    {
        var (runner, storage, batch) = await PlannedAsync([Lines(4)]);
        using (var lease = await _models!.AcquireAsync(new ModelSource(TinyModel.Id), isAlone: false, CancellationToken.None))
            await _tensors.RunAsync(() => Break(lease.Model), CancellationToken.None);

        await Assert.ThrowsAsync<BrokenDeviceException>(() => runner.RunAsync(Message(batch, 0), CancellationToken.None));

        Assert.Equal(0, (await Blobs(storage, batch).FindAttemptsAsync(0, CancellationToken.None))!.Current!.Failures);
        Assert.Empty(await Blobs(storage, batch).ListPartsAsync(CancellationToken.None));

        static bool Break(LoadedModel model)
        {
            model.Dispose();
            return true;
        }
    }

    [Fact]
    public async Task No_line_is_blamed_where_the_model_cannot_be_loaded()
    {
        Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "A device that is not there can be asked for only without a graphics card");
        var (runner, storage, batch) = await PlannedAsync([Lines(1)], device: DeviceChoice.Cuda);

        foreach (int _ in Enumerable.Range(0, ShardAttempts.MaxFailures + 1))
            await Assert.ThrowsAsync<InvalidOperationException>(() => runner.RunAsync(Message(batch, 0), CancellationToken.None));

        Assert.Equal(0, (await Blobs(storage, batch).FindAttemptsAsync(0, CancellationToken.None))!.Current!.Failures);
        Assert.Empty(await Blobs(storage, batch).ListPartsAsync(CancellationToken.None));
    }

    public void Dispose() => _tensors.Dispose();

    private async Task<(RunShard Runner, StorageAccount Storage, BatchRecord Batch)> PlannedAsync(IReadOnlyList<object[]> shards, int[]? bad = null, int[]? poison = null, DeviceChoice device = DeviceChoice.Auto,
        string endpoint = BatchEndpoint.Infill, Action<ClientOptions>? configure = null)
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = fixture.NewConnectionString() }, configure);
        await storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        var batches = new BatchStore(storage, TimeProvider.System);
        var batch = new BatchRecord { PartitionKey = "tenant", Status = BatchStatus.InProgress, Endpoint = endpoint, ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1) };
        await batches.AddAsync(batch, inputBytes: 0, CancellationToken.None);
        var blobs = Blobs(storage, batch);
        int line = 0;
        for (int shard = 0; shard < shards.Count; shard++)
        {
            var lines = shards[shard].Select(body => new ShardLine(++line, $"id-{line}", JsonSerializer.SerializeToElement(bad?.Contains(line) == true ? new { model = TinyModel.Id } : body)));
            await blobs.WriteShardAsync(Attempt, shard, BinaryData.FromString(string.Concat(lines.Select(entry => Text(entry, poison) + "\n"))), CancellationToken.None);
        }
        var plan = new BatchPlan(Attempt, TinyModel.Id, StorageNames.DefaultProfile, line, [.. shards.Select(shard => new PlannedShard(0, shard.Length))]);
        await blobs.PublishPlanAsync(plan, CancellationToken.None);
        await batches.SetPlannedAsync(batch, plan, CancellationToken.None);
        var queues = new WorkQueues(storage);
        var release = new ShardRelease(storage, batches, queues, TimeProvider.System);
        await release.FillAsync(batch.Tenant, CancellationToken.None);
        await storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile)).ClearMessagesAsync();

        var options = new WorkerOptions { ModelsPath = model.Folder, BatchTokens = 256, Device = device };
        _models = TinyModel.NewHost(options, _tensors, storage);
        var runner = new RunShard(
            batches, storage, queues, release, new ModelLoading(new ModelCatalog(storage), _models), options, TimeProvider.System, NullLogger<RunShard>.Instance);
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

    /// <summary>A poison line has half of a character: a plan refuses it, and a worker that gets it fails.</summary>
    private static string Text(ShardLine line, int[]? poison)
    {
        string text = JsonSerializer.Serialize(line, WireJson.Options);
        return poison?.Contains(line.Line) == true ? text.Replace("fox", "\\ud800", StringComparison.Ordinal) : text;
    }

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

    private sealed class RefusesFirstPart : HttpPipelinePolicy
    {
        private bool _hasRefused;

        public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) => ProcessNext(message, pipeline);

        public override ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
        {
            bool isRefused = !_hasRefused && message.Request.Method == RequestMethod.Put && message.Request.Uri.Path!.Contains("/parts/", StringComparison.Ordinal);
            _hasRefused |= isRefused;
            return isRefused ? throw new RequestFailedException(503, "busy") : ProcessNextAsync(message, pipeline);
        }
    }
}
