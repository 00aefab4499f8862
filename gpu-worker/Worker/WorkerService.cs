using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using LLaDA.Batch.Worker.Training;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker;

/// <summary>The worker's life: announce the models, take shards and trainings until the shutdown.</summary>
internal sealed class WorkerService(
    WorkerOptions options, StorageAccount storage, ModelAnnouncement announcement, HealthEndpoint health, ShardMessageHandler runShard, TrainingMessageHandler runTraining, DeviceGuard guard, IHostApplicationLifetime lifetime, TimeProvider time,
    ILogger<WorkerService> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await storage.EnsureCreatedAsync([options.Profile], stoppingToken);
        await announcement.RunAsync(stoppingToken);
        health.SetReady();

        await Task.WhenAll(
            options.Generates ? ConsumeAsync<ShardMessage>(StorageNames.GenerateQueue(options.Profile), options.ShardsInHand, runShard.RunAsync, stoppingToken) : Task.CompletedTask,
            options.Trains ? ConsumeAsync<TrainingMessage>(StorageNames.TrainQueue(options.Profile), concurrency: 1, runTraining.RunAsync, stoppingToken) : Task.CompletedTask);
        lifetime.StopApplication();
    }

    /// <summary>Attempts are counted beside the work, with their reasons, not by the queue: a preempted message is no poison.</summary>
    private Task ConsumeAsync<T>(string queue, int concurrency, Func<T, CancellationToken, Task> handler, CancellationToken shutdown)
        where T : class
    {
        var consumer = new QueueConsumerOptions { Concurrency = concurrency, MaxDequeueCount = int.MaxValue, VisibilityTimeout = options.LeaseDuration, IdleLimit = options.IdleLimit };
        return new QueueConsumer<T>(storage, queue, consumer, (message, stop) => guard.RunAsync(() => handler(message, stop)), time, logger).RunAsync(shutdown);
    }
}
