using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Worker.Models;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using static LLaDA.Batch.Worker.Tests.PlannedShards;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>Finished lines of a shard that is still running.</summary>
public sealed class ShardProgressTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private const int NumLines = 200;

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private WorkerUnderTest? _worker;

    [Fact]
    public async Task Lines_are_stored_and_counted_while_others_still_run_and_outlive_their_worker()
    {
        _worker = await WorkerUnderTest.CreateAsync(
            fixture.NewConnectionString(), model.Folder, register: services => services.AddSingleton<TimeProvider>(_time));
        string[] lines = [.. SlowLines(NumLines).Select((body, index) => WorkerUnderTest.Line(index + 1, body))];
        var batch = await _worker.PlanAsync([lines]);
        var blobs = Blobs(_worker.Storage, batch);
        using var lease = await _worker.Models.AcquireAsync(new ModelSource(TinyModel.Id), isExclusive: false, CancellationToken.None);
        using var shutdown = new CancellationTokenSource();

        var running = _worker.Shards.RunAsync(Message(batch, 0), shutdown.Token);
        while (!await _worker.Tensors.RunAsync(() => lease.Model.NumSampled > 0, CancellationToken.None))
            await Task.Yield();
        _time.Advance(TimeSpan.FromSeconds(15));
        PartCounts counts;
        while ((counts = await blobs.CountLinesAsync(CancellationToken.None)).Completed == 0 && !running.IsCompleted)
            await Task.Yield();
        Assert.InRange(counts.Completed, 1, NumLines - 1);
        Assert.Empty(await blobs.Parts.ListAsync(CancellationToken.None));
        await shutdown.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

        counts = await blobs.CountLinesAsync(CancellationToken.None);
        var plan = (await blobs.FindPlanAsync(CancellationToken.None))!;
        var missing = new MissingParts(_worker.Storage, lostLines: null!);     // no shard is lost
        var part = Assert.Single(await missing.WriteAsync(batch, plan, [0], NotRunReason.Cancelled, CancellationToken.None));

        Assert.Equal((counts.Completed, NumLines - counts.Completed), (part.Completed, part.Failed));
        var answered = await blobs.Parts.ReadAsync(0, CancellationToken.None);
        Assert.Equal(Enumerable.Range(1, NumLines), answered.Select(line => line.Line).Order());
        Assert.Equal(part.Failed, answered.Count(line => line.Json.Contains("before this line was finished", StringComparison.Ordinal)));
        Assert.Equal(part, await blobs.CountLinesAsync(CancellationToken.None));
    }

    public void Dispose() => _worker?.Dispose();
}
