using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Hosting;

/// <summary>A queue and the handler of its messages. Both hosts run the same list (<see cref="Triggers.Queues"/>).</summary>
internal abstract record QueueBinding(string Name, string Queue)
{
    /// <summary>Consumes the queue until the host stops (Local host).</summary>
    public abstract Task ConsumeAsync(IServiceProvider services, QueueConsumerOptions options, ILogger logger, CancellationToken stop);

    /// <summary>Handles one message that the host has taken from the queue (Azure host).</summary>
    public abstract Task HandleAsync(IServiceProvider services, string message, CancellationToken stop);
}

/// <param name="HandlerOf">The handler of messages of this type.</param>
internal sealed record QueueBinding<T>(string Name, string Queue, Func<IServiceProvider, Func<T, CancellationToken, Task>> HandlerOf)
    : QueueBinding(Name, Queue)
    where T : class
{
    public override Task ConsumeAsync(IServiceProvider services, QueueConsumerOptions options, ILogger logger, CancellationToken stop)
    {
        var storage = services.GetRequiredService<StorageAccount>();
        var time = services.GetRequiredService<TimeProvider>();
        return new QueueConsumer<T>(storage, Queue, options, HandlerOf(services), time, logger).RunAsync(stop);
    }

    /// <summary>
    /// Reads the message by the rules of the wire and not by those of the host's binding. A text that is no message moves to the queue's
    /// poison queue, as on the Local host: attempts would not change it. The poison queue of a poison queue has no handler, so it stays
    /// there for an operator to read.
    /// </summary>
    public override async Task HandleAsync(IServiceProvider services, string message, CancellationToken stop)
    {
        if (MessageReader.TryRead<T>(message) is { } work)
        {
            await HandlerOf(services)(work, stop);
            return;
        }
        var logger = services.GetRequiredService<ILogger<QueueBinding>>();
        QueueLog.Unreadable(logger, Queue, Excerpt.Of(message), StorageNames.PoisonQueue(Queue));
        await services.GetRequiredService<WorkQueues>().SendPoisonAsync(Queue, message, stop);
    }
}

internal static partial class QueueLog
{
    [LoggerMessage(EventId = 232, Level = LogLevel.Error, Message = "Queue {Queue} had a text that is no message, now in {PoisonQueue}: {Text}")]
    public static partial void Unreadable(ILogger logger, string queue, string text, string poisonQueue);
}
