using System.Text.Json.Nodes;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Jobs;
using LLaDA.Batch.Worker.Models;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using static LLaDA.Batch.Worker.Tests.PlannedShards;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>A shard that takes long makes room for others and continues later, within a line too.</summary>
public sealed class ShardSliceTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_lease = TimeSpan.FromMinutes(1), s_step = TimeSpan.FromSeconds(3);

    private static readonly string s_gaps = string.Concat(Enumerable.Repeat("the [MASK] fox [MASK:9] and the lazy dog ", 30));

    private static readonly string s_places = string.Concat(Enumerable.Repeat("the [MASK] fox ", 20));
    private static readonly string s_choices =
        $"{{{string.Join(',', Enumerable.Range(0, 20).Select(gap => $"\"{gap}\":[\"lazy brown\",\"quick dog\"]"))}}}";

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly List<WorkerUnderTest> _workers = [];

    public static TheoryData<string, string> LongLines => new()
    {
        { BatchEndpoint.Infill, $$"""{"model":"tiny","text":"{{s_gaps}}"}""" },
        { BatchEndpoint.Infill, $$"""{"model":"tiny","text":"{{s_places}}","choices":{{s_choices}},"num_samples":8,"seed":5}""" },
        { BatchEndpoint.Score, """{"model":"tiny","prompt":"the","completions":[" fox"," lazy dog"],"num_samples":4000,"seed":5}""" },
    };

    [Theory]
    [MemberData(nameof(LongLines))]
    public async Task One_line_is_set_aside_for_others_and_ends_as_an_undisturbed_one(string endpoint, string body)
    {
        var undisturbed = await NewAsync(endpoint, body);
        await undisturbed.Worker.Shards.RunAsync(Message(undisturbed.Batch, 0), CancellationToken.None).WaitAsync(s_limit);
        var (worker, batch) = await NewAsync(endpoint, body);
        var blobs = Blobs(worker.Storage, batch);
        await OtherTenantAsync(worker);

        int numSlices = 0;
        while (!await blobs.Parts.ExistsAsync(0, CancellationToken.None))
        {
            double before = await DoneAsync();
            var running = worker.Shards.RunAsync(Message(batch, 0), CancellationToken.None);
            await AdvanceAsync(running, blobs);
            if (running.IsCompletedSuccessfully)
                break;
            Assert.Equal(TimeSpan.Zero, (await Assert.ThrowsAsync<TryAgainException>(() => running)).Delay);
            double after = await DoneAsync();
            Assert.True(after > before && after <= 1, $"{before} to {after}");
            Assert.Equal(0, (await blobs.Shards.FindAttemptsAsync(0, CancellationToken.None))!.Current!.Failures);
            numSlices++;
        }

        Assert.True(numSlices > 0);
        Assert.Equal(await AnswerAsync(undisturbed.Worker, undisturbed.Batch), await AnswerAsync(worker, batch));
        var counts = await blobs.CountLinesAsync(CancellationToken.None);
        Assert.Equal((1, 0.0), (counts.Completed, counts.InWork));

        async Task<double> DoneAsync() =>
            await blobs.CountLinesAsync(CancellationToken.None) is var done ? done.Completed + done.InWork : 0;
    }

    [Fact]
    public async Task A_shard_runs_on_while_no_one_else_waits()
    {
        var (worker, batch) = await NewAsync(BatchEndpoint.Infill, """{"model":"tiny","text":"the [MASK:50]"}""", count: 60);

        var running = worker.Shards.RunAsync(Message(batch, 0), CancellationToken.None);
        await AdvanceAsync(running, Blobs(worker.Storage, batch));

        await running;
        Assert.Equal(60, (await Blobs(worker.Storage, batch).CountLinesAsync(CancellationToken.None)).Completed);
    }

    [Fact]
    public async Task A_shard_makes_room_for_another_model_that_waits()
    {
        var (worker, batch) = await NewAsync(BatchEndpoint.Infill, """{"model":"tiny","text":"the [MASK:50]"}""", count: 200);
        Directory.CreateSymbolicLink(Path.Combine(model.Folder, $"other{batch.RowKey}"), Path.Combine(model.Folder, TinyModel.Id));
        using var lease = await worker.Models.AcquireAsync(new ModelSource(TinyModel.Id), isExclusive: false, CancellationToken.None);
        var running = worker.Shards.RunAsync(Message(batch, 0), CancellationToken.None);
        while (lease.Model.NumSampled == 0)
            await Task.Yield();
        lease.Dispose();

        var other = worker.Models.AcquireAsync(new ModelSource($"other{batch.RowKey}"), isExclusive: false, CancellationToken.None);
        await AdvanceAsync(running, Blobs(worker.Storage, batch));

        await Assert.ThrowsAsync<TryAgainException>(() => running);
        using var taken = await other.WaitAsync(s_limit);
        Assert.NotEqual(TinyModel.Id, taken.Model.Id);
        Directory.Delete(Path.Combine(model.Folder, $"other{batch.RowKey}"));
    }

    [Fact]
    public async Task What_of_a_line_is_done_outlives_a_worker_that_dies()
    {
        var (worker, batch) = await NewAsync((string)LongLines.First().Data.Item1, (string)LongLines.First().Data.Item2);
        var blobs = Blobs(worker.Storage, batch);
        using var death = new CancellationTokenSource();
        var running = worker.Shards.RunAsync(Message(batch, 0), death.Token);
        PartCounts counts;
        while ((counts = await blobs.CountLinesAsync(CancellationToken.None)).InWork == 0 && !running.IsCompleted)
            _time.Advance(s_step);

        Assert.InRange(counts.InWork, 0.0001, 0.9999);
        Assert.Equal(0, counts.Completed);
        Assert.NotEmpty(await blobs.Progress.ReadUnfinishedAsync(0, CancellationToken.None));
        await death.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    public void Dispose()
    {
        foreach (var worker in _workers)
            worker.Dispose();
    }

    private async Task<(WorkerUnderTest Worker, BatchRecord Batch)> NewAsync(string endpoint, string body, int count = 1)
    {
        var worker = await WorkerUnderTest.CreateAsync(
            fixture.NewConnectionString(), model.Folder, register: services => services
                .AddSingleton<TimeProvider>(_time)
                .AddSingleton(new JobOptions(s_lease, Slice: s_step)));
        _workers.Add(worker);
        string[] lines = [.. Enumerable.Range(1, count).Select(line => WorkerUnderTest.Line(line, JsonNode.Parse(body)!))];
        var batch = await worker.PlanAsync([lines], endpoint);
        await worker.ClearShardQueueAsync();
        return (worker, batch);
    }

    /// <summary>Lets time pass until the work is over, and storage answer in between: leases are renewed.</summary>
    private async Task AdvanceAsync(Task running, BatchBlobs blobs)
    {
        while (!running.IsCompleted)
        {
            _time.Advance(s_step);
            await blobs.CountLinesAsync(CancellationToken.None);
        }
    }

    private static Task OtherTenantAsync(WorkerUnderTest worker) => new WorkQueues(worker.Storage).SendShardAsync(
        StorageNames.DefaultProfile, new ShardMessage("other", "batch", "plan", 0), CancellationToken.None);

    /// <summary>Without its ids and times.</summary>
    private static async Task<string> AnswerAsync(WorkerUnderTest worker, BatchRecord batch)
    {
        var line = Assert.Single(await Blobs(worker.Storage, batch).Parts.ReadAsync(0, CancellationToken.None));
        Assert.False(line.IsError, line.Json);
        var body = JsonNode.Parse(line.Json)!["response"]!["body"]!.AsObject();
        body.Remove("id");
        body.Remove("created");
        return body.ToJsonString();
    }
}
