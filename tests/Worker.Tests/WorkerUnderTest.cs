using System.Text.Json;
using Azure.Core;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>
/// A worker as its host composes it, over an account with tables, containers and queues and with the roles of a deployed one; nothing runs
/// by itself.
/// </summary>
internal sealed class WorkerUnderTest : IDisposable
{
    public const string PlanId = "attempt";

    private readonly ServiceProvider _services;

    private WorkerUnderTest(ServiceProvider services, StorageAccount storage) => (_services, Storage) = (services, storage);

    /// <summary>The worker's account, with all rights.</summary>
    public StorageAccount Storage { get; }

    public TensorThread Tensors => Get<TensorThread>();

    public ModelHost Models => Get<ModelHost>();

    public ModelResolver Resolver => Get<ModelResolver>();

    public ShardMessageHandler Shards => Get<ShardMessageHandler>();

    /// <param name="modelsPath">The worker's own models; empty for none.</param>
    /// <param name="cachePath">Where models from storage are kept; null for a folder that no test uses.</param>
    /// <param name="configure">Changes calls to storage.</param>
    /// <param name="register">Replaces services.</param>
    public static async Task<WorkerUnderTest> CreateAsync(
        string connectionString,
        string modelsPath,
        string? cachePath = null,
        Action<ClientOptions>? configure = null,
        Action<IServiceCollection>? register = null)
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = connectionString }, configure);
        await storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        Dictionary<string, string?> settings = new()
        {
            ["Storage:ConnectionString"] = connectionString,
            ["Worker:ModelsPath"] = modelsPath,
            ["Worker:BatchTokens"] = "256",
        };
        if (cachePath is not null)
            settings["Worker:CachePath"] = cachePath;
        var services = new ServiceCollection()
            .AddLogging()
            .AddWorker(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
            .AddSingleton(new StorageAccount(new StorageOptions { ConnectionString = connectionString }, client =>
            {
                client.AddPolicy(new WorkerRoles(connectionString), HttpPipelinePosition.PerCall);
                configure?.Invoke(client);
            }));
        register?.Invoke(services);
        return new WorkerUnderTest(services.BuildServiceProvider(), storage);
    }

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    /// <summary>Plans a batch whose shards wait for a worker.</summary>
    /// <param name="shards">By shard, the lines of its blob.</param>
    /// <param name="settledShard">One whose outcome the plan knows; null for none.</param>
    public async Task<BatchRecord> PlanAsync(
        IReadOnlyList<string[]> shards, string endpoint = BatchEndpoint.Infill, string modelId = TinyModel.Id,
        WorkLimit? limit = null, int? settledShard = null)
    {
        var batches = Get<BatchStore>();
        var batch = new BatchRecord
        {
            PartitionKey = "tenant",
            Status = BatchStatus.InProgress,
            Endpoint = endpoint,
            ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1),
        };
        await batches.AddAsync(batch, inputBytes: 0, CancellationToken.None);
        var blobs = new BatchBlobs(Storage, batch);
        foreach (var (shard, lines) in shards.Index())
        {
            var content = BinaryData.FromString(string.Concat(lines.Select(line => line + "\n")));
            await blobs.Shards.WriteAsync(PlanId, shard, content, CancellationToken.None);
        }
        var planned = shards.Index().Select(shard => new PlannedShard(0, shard.Item.Length, IsRefused: shard.Index == settledShard));
        int numLines = shards.Sum(lines => lines.Length);
        var plan = new BatchPlan(PlanId, modelId, StorageNames.DefaultProfile, numLines, [.. planned], Limit: limit);
        await blobs.PublishPlanAsync(plan, CancellationToken.None);
        await batches.SetPlannedAsync(batch, plan, CancellationToken.None);
        await Get<ShardDispatcher>().FillWindowAsync(batch.Tenant, CancellationToken.None);
        return batch;
    }

    public Task ClearShardQueueAsync() => Storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile)).ClearMessagesAsync();

    /// <summary>A line of a shard's blob.</summary>
    public static string Line(int number, object body) =>
        JsonSerializer.Serialize(new ShardLine(number, $"id-{number}", JsonSerializer.SerializeToElement(body)), WireJson.Options);

    public void Dispose() => _services.Dispose();
}
