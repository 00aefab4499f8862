using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker;

/// <summary>The worker's life: announce the models, take shards until the shutdown.</summary>
internal sealed class WorkerService(
    WorkerOptions options, StorageAccount storage, ModelAnnouncement announcement, RunShard runShard, TimeProvider time, ILogger<WorkerService> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await storage.EnsureCreatedAsync([options.Profile], stoppingToken);
        await announcement.RunAsync(stoppingToken);

        // Attempts are counted beside the shard, with their reasons, not by the queue: a preempted message is no poison.
        var consumer = new QueueConsumerOptions { Concurrency = options.ShardsInHand, MaxDequeueCount = int.MaxValue, VisibilityTimeout = options.LeaseDuration };
        await new QueueConsumer<ShardMessage>(storage, StorageNames.GenerateQueue(options.Profile), consumer, runShard.RunAsync, time, logger).RunAsync(stoppingToken);
    }
}
