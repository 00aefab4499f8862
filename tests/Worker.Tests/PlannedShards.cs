using Azure.Core;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>Plans batches whose shards wait for a worker, and creates the worker.</summary>
internal sealed class PlannedShards(StorageFixture fixture, TinyModel model) : IDisposable
{
    public const string Attempt = WorkerUnderTest.PlanId;

    private WorkerUnderTest? _worker;

    /// <summary>Of the worker that was created last.</summary>
    public TensorThread Tensors => _worker!.Tensors;

    /// <summary>Of the worker that was created last.</summary>
    public ModelHost Models => _worker!.Models;

    public static object[] Lines(int count, double temperature = 0) =>
        [.. Enumerable.Range(0, count)
            .Select(index => new { model = TinyModel.Id, text = $"the [MASK:2] {new string('x', index % 5)} fox", temperature })];

    /// <summary>Each takes fifty forward passes.</summary>
    public static object[] SlowLines(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => new { model = TinyModel.Id, text = "the [MASK:50]" })];

    public static ShardMessage Message(BatchRecord batch, int shard) => new(batch.Tenant, batch.RowKey, Attempt, shard);

    public static BatchBlobs Blobs(StorageAccount storage, BatchRecord batch) => new(storage, batch);

    /// <param name="shards">By shard, the bodies of its lines.</param>
    /// <param name="bad">Numbers of lines that lack their text.</param>
    /// <param name="poison">Numbers of lines that fail the work of their shard.</param>
    /// <param name="modelsPath">The worker's models; null for the tiny one.</param>
    public async Task<(ShardMessageHandler Runner, StorageAccount Storage, BatchRecord Batch)> CreateAsync(
        IReadOnlyList<object[]> shards,
        int[]? bad = null,
        int[]? poison = null,
        string? modelsPath = null,
        string endpoint = BatchEndpoint.Infill,
        Action<ClientOptions>? configure = null,
        WorkLimit? limit = null)
    {
        _worker = await WorkerUnderTest.CreateAsync(
            fixture.NewConnectionString(),
            modelsPath ?? model.Folder,
            configure: configure);
        int number = 0;
        string[] Numbered(object[] bodies) => [.. bodies.Select(body => Line(++number, body, bad ?? [], poison ?? []))];
        var batch = await _worker.PlanAsync([.. shards.Select(Numbered)], endpoint, limit: limit);
        await _worker.ClearShardQueueAsync();
        return (_worker.Shards, _worker.Storage, batch);
    }

    public void Dispose() => _worker?.Dispose();

    /// <summary>A poison line has an unpaired surrogate, which a plan refuses and at which a worker fails.</summary>
    private static string Line(int number, object body, int[] bad, int[] poison)
    {
        object content = bad.Contains(number) ? new { model = TinyModel.Id } : body;
        string line = WorkerUnderTest.Line(number, content);
        return poison.Contains(number) ? line.Replace("fox", "\\ud800", StringComparison.Ordinal) : line;
    }
}
