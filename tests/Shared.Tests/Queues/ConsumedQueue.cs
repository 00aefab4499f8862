using Azure.Storage.Queues;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace LLaDA.Batch.Shared.Tests.Queues;

/// <summary>Queues of plan messages, and a consumer of them that runs until something has happened.</summary>
public abstract class ConsumedQueue(StorageFixture fixture)
{
    private protected const string QueueName = "work";

    private protected static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private protected static readonly QueueConsumerOptions Options = new()
    {
        VisibilityTimeout = TimeSpan.FromSeconds(2),
        RetryDelay = TimeSpan.Zero,
        MaxDequeueCount = 3,
        MaxPollingInterval = TimeSpan.FromMilliseconds(100),
    };

    private protected string NewConnectionString() => fixture.NewConnectionString();

    private protected async Task<(StorageAccount Storage, QueueClient Queue)> NewQueueAsync(params string[] messages)
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = NewConnectionString() });
        var queue = storage.Queue(QueueName);
        await queue.CreateAsync();
        foreach (string message in messages)
            await queue.SendMessageAsync(message);
        return (storage, queue);
    }

    private protected static async Task RunUntilAsync(
        StorageAccount storage, QueueConsumerOptions options, Func<PlanMessage, CancellationToken, Task> handler,
        Task end, CancellationTokenSource? ending = null, Func<PlanMessage, string>? partyOf = null)
    {
        using var own = new CancellationTokenSource();
        var shutdown = ending ?? own;
        var time = TimeProvider.System;
        var running = new QueueConsumer<PlanMessage>(storage, QueueName, options, handler, time, NullLogger.Instance, partyOf)
            .RunAsync(shutdown.Token);
        await end.WaitAsync(Limit);
        await shutdown.CancelAsync();
        await running.WaitAsync(Limit);
    }

    private protected static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!await holds())
            await timer.WaitForNextTickAsync();
    }

    private protected static async Task<int> CountAsync(QueueClient queue) =>
        (await queue.GetPropertiesAsync()).Value.ApproximateMessagesCount;
}
