using System.Text.Json;
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

    /// <remarks>The message is read by the rules of the wire and not by those of the host's binding.</remarks>
    public override Task HandleAsync(IServiceProvider services, string message, CancellationToken stop) =>
        HandlerOf(services)(JsonSerializer.Deserialize<T>(message, WireJson.Options)!, stop);
}
