using System.Text.Json;
using Azure.Core;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using Microsoft.Extensions.Logging.Abstractions;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>Plans batches whose shards wait for a worker, and makes the worker.</summary>
internal sealed class PlannedShards(StorageFixture fixture, TinyModel model) : IDisposable
{
    public const string Attempt = "attempt";

    private ModelHost? _models;

    /// <summary>The worker's.</summary>
    public TensorThread Tensors { get; } = new();

    /// <summary>Of the worker that was made last.</summary>
    public ModelHost Models => _models!;

    public static object[] Lines(int count, double temperature = 0) =>
        [.. Enumerable.Range(0, count).Select(index => new { model = TinyModel.Id, text = $"the [MASK:2] {new string('x', index % 5)} fox", temperature })];

    /// <summary>Each takes fifty forward passes.</summary>
    public static object[] SlowLines(int count) => [.. Enumerable.Range(0, count).Select(_ => new { model = TinyModel.Id, text = "the [MASK:50]" })];

    public static ShardMessage Message(BatchRecord batch, int shard) => new(batch.Tenant, batch.RowKey, Attempt, shard);

    public static BatchBlobs Blobs(StorageAccount storage, BatchRecord batch) => new(storage, batch);

    /// <param name="shards">By shard, the bodies of its lines.</param>
    /// <param name="bad">Numbers of lines that lack their text.</param>
    /// <param name="poison">Numbers of lines that fail the work of their shard.</param>
    public async Task<(ShardMessageHandler Runner, StorageAccount Storage, BatchRecord Batch)> CreateAsync(IReadOnlyList<object[]> shards, int[]? bad = null, int[]? poison = null, DeviceChoice device = DeviceChoice.Auto,
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
        var release = new ShardDispatcher(storage, batches, queues, TimeProvider.System);
        await release.FillWindowAsync(batch.Tenant, CancellationToken.None);
        await storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile)).ClearMessagesAsync();

        var options = new WorkerOptions { ModelsPath = model.Folder, BatchTokens = 256, Device = device };
        _models = TinyModel.NewHost(options, Tensors, storage);
        var runner = new ShardMessageHandler(
            batches, storage, queues, release, new ModelResolver(new ModelCatalog(storage), _models), options, TimeProvider.System, NullLogger<ShardMessageHandler>.Instance);
        return (runner, storage, batch);
    }

    public void Dispose() => Tensors.Dispose();

    /// <summary>A poison line has half of a character: a plan refuses it, and a worker that gets it fails.</summary>
    private static string Text(ShardLine line, int[]? poison)
    {
        string text = JsonSerializer.Serialize(line, WireJson.Options);
        return poison?.Contains(line.Line) == true ? text.Replace("fox", "\\ud800", StringComparison.Ordinal) : text;
    }
}
