using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using LLaDA.Batch.Worker.Training;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker;

/// <summary>The worker's life: announce the models, then take shards and trainings until the shutdown.</summary>
internal sealed class WorkerService(
    WorkerOptions options,
    StorageAccount storage,
    ModelAnnouncement announcement,
    HealthEndpoint health,
    ShardMessageHandler shards,
    TrainingMessageHandler trainings,
    DeviceGuard guard,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<WorkerService> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await storage.EnsureCreatedAsync([options.Profile], stoppingToken);
        await announcement.RunAsync(options.Profile, stoppingToken);
        health.SetReady();

        List<Task> consuming = [];
        if (options.Generates)
        {
            string queue = StorageNames.GenerateQueue(options.Profile);
            consuming.Add(ConsumeAsync<ShardMessage>(
                queue, options.ShardsInHand, options.GuestShards, message => message.Tenant, shards.RunAsync, stoppingToken));
        }
        if (options.Trains)
        {
            string queue = StorageNames.TrainQueue(options.Profile);
            consuming.Add(ConsumeAsync<TrainingMessage>(
                queue, concurrency: 1, guests: 0, message => message.Tenant, trainings.RunAsync, stoppingToken));
        }
        await Task.WhenAll(consuming);
        lifetime.StopApplication();
    }

    /// <summary>The jobs' own records count failed attempts, not the queue: a preempted message is not poison.</summary>
    private Task ConsumeAsync<T>(
        string queue,
        int concurrency,
        int guests,
        Func<T, string> tenantOf,
        Func<T, CancellationToken, Task> handler,
        CancellationToken shutdown)
        where T : class
    {
        var consumer = new QueueConsumerOptions
        {
            Concurrency = concurrency,
            Guests = guests,
            MaxDequeueCount = int.MaxValue,
            VisibilityTimeout = options.LeaseDuration,
            IdleLimit = options.IdleLimit,
        };
        Task RunAsync(T message, CancellationToken stop) => guard.RunAsync(() => handler(message, stop));
        return new QueueConsumer<T>(storage, queue, consumer, RunAsync, time, logger, tenantOf).RunAsync(shutdown);
    }
}
