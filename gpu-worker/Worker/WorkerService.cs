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
    /// <summary>
    /// A client waits, so the queue of answers at once is read every 50 ms for some time after an answer. The first one after that may have
    /// to wait for the longest pause.
    /// </summary>
    private static readonly TimeSpan s_eagerTime = TimeSpan.FromMinutes(2), s_answerPolling = TimeSpan.FromMilliseconds(500);

    /// <summary>The jobs' own records count failed attempts, not the queue: a preempted message is not poison.</summary>
    private readonly QueueConsumerOptions _consumer = new()
    {
        MaxDequeueCount = int.MaxValue,
        VisibilityTimeout = options.LeaseDuration,
        IdleLimit = options.IdleLimit,
    };

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await storage.EnsureProfileCreatedAsync(options.Profile, stoppingToken);
        await announcement.RunAsync(options.Profile, stoppingToken);
        health.SetReady();

        List<Task> consuming = [];
        if (options.Generates)
        {
            // Answers at once have places of their own, so that no shard of a batch delays them.
            var answers = _consumer with
            {
                Concurrency = options.AnswersInHand,
                Guests = options.GuestShards,
                EagerTime = s_eagerTime,
                MaxPollingInterval = s_answerPolling,
            };
            consuming.Add(ConsumeAsync<ShardMessage>(
                StorageNames.NowQueue(options.Profile), answers, message => message.Tenant, shards.RunAsync, stoppingToken));
            var batches = _consumer with { Concurrency = options.ShardsInHand, Guests = options.GuestShards, TakesTurns = true };
            consuming.Add(ConsumeAsync<ShardMessage>(
                StorageNames.GenerateQueue(options.Profile), batches, message => message.Party, shards.RunAsync, stoppingToken));
        }
        if (options.Trains)
        {
            string queue = StorageNames.TrainQueue(options.Profile);
            consuming.Add(ConsumeAsync<TrainingMessage>(
                queue, _consumer with { TakesTurns = true }, message => message.Tenant, trainings.RunAsync, stoppingToken));
        }
        await Task.WhenAll(consuming);
        lifetime.StopApplication();
    }

    private Task ConsumeAsync<T>(
        string queue,
        QueueConsumerOptions consumer,
        Func<T, string> partyOf,
        Func<T, CancellationToken, Task> handler,
        CancellationToken shutdown)
        where T : class
    {
        Task RunAsync(T message, CancellationToken stop) => guard.RunAsync(() => handler(message, stop));
        return new QueueConsumer<T>(storage, queue, consumer, RunAsync, time, logger, partyOf).RunAsync(shutdown);
    }
}
