using Azure;
using Azure.Core;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Sampling;
using static LLaDA.Batch.Worker.Tests.PlannedShards;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>Whose fault a failure is: the line's that fails alone, and nobody else's.</summary>
public sealed class ShardFailureTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    private readonly PlannedShards _planned = new(fixture, model);

    [Fact]
    public async Task A_line_that_fails_the_work_is_found_by_halving_and_fails_alone()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(13)], poison: [5, 11]);

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        var part = await Blobs(storage, batch).Parts.ReadAsync(0, CancellationToken.None);
        Assert.Equal(Enumerable.Range(1, 13), part.Select(line => line.Line).Order());
        Assert.Equal([5, 11], part.Where(line => line.IsError).Select(line => line.Line).Order());
        Assert.All(part.Where(line => line.IsError), line => Assert.Contains("server_error", line.Json, StringComparison.Ordinal));
        var counts = (await Blobs(storage, batch).Parts.ListAsync(CancellationToken.None))[0];
        Assert.Equal((11, 2), (counts.Completed, counts.Failed));
    }

    [Fact]
    public async Task Lines_that_took_their_workers_with_them_twice_are_run_in_halves()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(4)]);
        var blobs = Blobs(storage, batch);
        await blobs.Shards.WriteAttemptsAsync(0, ShardAttempts.Of(4).Begin().Begin(), CancellationToken.None);

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Equal(4, (await blobs.Parts.ReadAsync(0, CancellationToken.None)).Count(line => !line.IsError));
        Assert.Equal(
            (2, 2), (
                (await blobs.Shards.FindAttemptsAsync(0, CancellationToken.None))!.Current!.First,
                (await blobs.Progress.ReadAsync(0, CancellationToken.None)).Lines.Count));
    }

    [Fact]
    public async Task A_line_is_not_given_up_for_its_neighbours_failures()
    {
        object[] poison = [.. Enumerable.Repeat(new { model = TinyModel.Id, prompt = "the", suffix = " fox", max_tokens = 1 }, 8)];
        object[] innocent = [new { model = TinyModel.Id, prompt = "the", max_tokens = 60 }];
        var (runner, storage, batch) = await _planned.CreateAsync([poison, innocent], endpoint: BatchEndpoint.Completions);
        var blobs = Blobs(storage, batch);
        using (var lease = await _planned.Models.AcquireAsync(new ModelSource(TinyModel.Id), isExclusive: false, CancellationToken.None))
        {
            // From here on a row between two texts fails every row of its step.
            int[] canvas = [lease.Model.MaskTokenId];
            await lease.Model.Operations("tenant", CancellationToken.None)
                .SampleAsync(new SamplingRow(canvas, new SamplingOptions { Forbidden = lease.Model.NonText }));
            lease.Model.NonText.Dispose();
        }
        using var bothHaveBegun = new ManualResetEventSlim();
        var held = _planned.Tensors.RunAsync(() => bothHaveBegun.Wait(s_limit), CancellationToken.None);

        var running = Task.WhenAll(Enumerable.Range(0, 2).Select(shard => runner.RunAsync(Message(batch, shard), CancellationToken.None)));
        foreach (int shard in new[] { 0, 1 })
        {
            while (await blobs.Shards.FindAttemptsAsync(shard, CancellationToken.None) is null)
                await Task.Yield();
        }
        bothHaveBegun.Set();
        await running.WaitAsync(s_limit);

        Assert.True(await held);
        Assert.All(
            await blobs.Parts.ReadAsync(0, CancellationToken.None),
            line => Assert.Contains("server_error", line.Json, StringComparison.Ordinal));
        Assert.False(Assert.Single(await blobs.Parts.ReadAsync(1, CancellationToken.None)).IsError);
    }

    [Fact]
    public async Task A_single_line_that_took_its_workers_with_it_is_given_up()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(1)]);
        await Blobs(storage, batch).Shards.WriteAttemptsAsync(0, ShardAttempts.Of(1).Begin().Begin(), CancellationToken.None);

        await runner.RunAsync(Message(batch, 0), CancellationToken.None);

        Assert.Contains(
            "server_error",
            Assert.Single(await Blobs(storage, batch).Parts.ReadAsync(0, CancellationToken.None)).Json,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_line_is_blamed_where_the_model_in_memory_is_broken()
    {
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(4)]);
        using (var lease = await _planned.Models.AcquireAsync(new ModelSource(TinyModel.Id), isExclusive: false, CancellationToken.None))
            await _planned.Tensors.RunAsync(() => Break(lease.Model), CancellationToken.None);

        await Assert.ThrowsAsync<BrokenDeviceException>(() => runner.RunAsync(Message(batch, 0), CancellationToken.None));

        Assert.Equal(0, (await Blobs(storage, batch).Shards.FindAttemptsAsync(0, CancellationToken.None))!.Current!.Failures);
        Assert.Empty(await Blobs(storage, batch).Parts.ListAsync(CancellationToken.None));

        static bool Break(LoadedModel model)
        {
            model.Dispose();
            return true;
        }
    }

    [Fact]
    public async Task No_line_is_blamed_where_the_model_cannot_be_loaded()
    {
        string empty = Directory.CreateTempSubdirectory("llada-empty-").FullName;
        var (runner, storage, batch) = await _planned.CreateAsync([Lines(1)], modelsPath: empty);

        foreach (int _ in Enumerable.Range(0, ShardAttempts.MaxFailures + 1))
            await Assert.ThrowsAsync<CheckpointException>(() => runner.RunAsync(Message(batch, 0), CancellationToken.None));

        Assert.Equal(0, (await Blobs(storage, batch).Shards.FindAttemptsAsync(0, CancellationToken.None))!.Current!.Failures);
        Assert.Empty(await Blobs(storage, batch).Parts.ListAsync(CancellationToken.None));
        Directory.Delete(empty);
    }

    [Fact]
    public async Task A_part_that_storage_refuses_is_written_by_the_next_owner_without_computing_a_line_again()
    {
        int numTries = 0;
        var refusal = new StorageFaults
        {
            Refuses = call => call.StartsWith("PUT", StringComparison.Ordinal)
                && call.Contains("/parts/", StringComparison.Ordinal) && numTries++ == 0,
        };
        var (runner, storage, batch) = await _planned.CreateAsync(
            [Lines(5)], configure: client => client.AddPolicy(refusal, HttpPipelinePosition.PerCall));
        using var lease = await _planned.Models.AcquireAsync(new ModelSource(TinyModel.Id), isExclusive: false, CancellationToken.None);

        await Assert.ThrowsAsync<RequestFailedException>(() => runner.RunAsync(Message(batch, 0), CancellationToken.None));
        Assert.Equal(
            (5, 5L), ((await Blobs(storage, batch).Progress.ReadAsync(0, CancellationToken.None)).Lines.Count, lease.Model.NumSampled));
        await runner.RunAsync(Message(batch, 0), CancellationToken.None).WaitAsync(s_limit);

        Assert.Equal(5, (await Blobs(storage, batch).Parts.ListAsync(CancellationToken.None))[0].Completed);
        Assert.Equal(5, lease.Model.NumSampled);
    }

    public void Dispose() => _planned.Dispose();
}
