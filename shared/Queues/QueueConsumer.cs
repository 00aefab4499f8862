using System.Text.Json;
using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Shared.Queues;

/// <summary>How a queue is consumed; the values equal those of the Azure host (functions/host.json).</summary>
public sealed record QueueConsumerOptions
{
    /// <summary>Messages worked on at the same time.</summary>
    public int Concurrency { get; init; } = 1;

    /// <summary>How long a message in work stays unseen by others; renewed at half of it.</summary>
    public TimeSpan VisibilityTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a failed message waits, times the attempts made.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Attempts before a message goes to the poison queue.</summary>
    public int MaxDequeueCount { get; init; } = 5;

    /// <summary>The longest pause between looks at an empty queue; pauses double up to it.</summary>
    public TimeSpan MaxPollingInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the queue may be empty before consuming ends; null waits for the shutdown.</summary>
    public TimeSpan? IdleLimit { get; init; }
}

/// <summary>
/// Takes messages off a queue and hands them to a handler, each at least once. A message is leased while it is in work, deleted when the handler returns, seen
/// again when it throws, and copied to the queue's poison queue when it has been tried too often or cannot be read at all.
/// </summary>
/// <remarks>
/// Three things can end a handler early and are kept apart: the shutdown of the process (the message is handed back at once), the loss of the lease (somebody
/// else owns the message: nothing is written any more), and the handler's own failure. A finished message is deleted even during a shutdown.
/// </remarks>
public sealed partial class QueueConsumer<T>(
    StorageAccount storage, string queueName, QueueConsumerOptions options, Func<T, CancellationToken, Task> handler, TimeProvider time, ILogger logger)
    where T : class
{
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(50);

    private readonly QueueClient _queue = storage.Queue(queueName);

    /// <summary>Runs until the shutdown, or until the queue has been empty for long enough; returns when all work in hand has been finished or handed back.</summary>
    public Task RunAsync(CancellationToken shutdown) => Task.WhenAll(Enumerable.Range(0, options.Concurrency).Select(_ => ConsumeAsync(shutdown)));

    private async Task ConsumeAsync(CancellationToken shutdown)
    {
        var pause = s_shortestPause;
        long idleSince = time.GetTimestamp();
        while (!shutdown.IsCancellationRequested && !(time.GetElapsedTime(idleSince) > options.IdleLimit))
        {
            try
            {
                if (await ReceiveAsync(shutdown) is { } message)
                {
                    pause = s_shortestPause;
                    await ProcessAsync(message, shutdown);
                    idleSince = time.GetTimestamp();
                    continue;
                }
            }
            catch (OperationCanceledException) when (shutdown.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                // Whatever it is, a token that cannot be had too: a consumer that ended would leave its queue to nobody.
                LogReceiveFailed(logger, queueName, failure);
            }
            try
            {
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, shutdown);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, options.MaxPollingInterval.Ticks));
        }
    }

    private async Task<QueueMessage?> ReceiveAsync(CancellationToken shutdown)
    {
        try
        {
            return (await _queue.ReceiveMessageAsync(options.VisibilityTimeout, shutdown)).Value;
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            await _queue.CreateIfNotExistsAsync(cancellationToken: shutdown);
            return null;
        }
    }

    private async Task ProcessAsync(QueueMessage message, CancellationToken shutdown)
    {
        var work = Read(message);
        if (work is null || message.DequeueCount > options.MaxDequeueCount)
        {
            await MoveToPoisonAsync(message);
            return;
        }

        await using var lease = new MessageLease(_queue, message, options.VisibilityTimeout, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(shutdown, lease.Lost);
        try
        {
            await handler(work, stop.Token);
            await lease.CompleteAsync();
        }
        catch (Exception) when (lease.Lost.IsCancellationRequested)
        {
            LogLeaseLost(logger, queueName, message.MessageId);
        }
        catch (OperationCanceledException) when (shutdown.IsCancellationRequested)
        {
            await lease.ReturnAsync(TimeSpan.Zero);
        }
        catch (TryAgainException postponed)
        {
            LogPostponed(logger, queueName, message.MessageId, postponed.Message);
            await lease.ReturnAsync(postponed.Delay);
        }
        catch (Exception failure)
        {
            LogFailed(logger, queueName, message.MessageId, message.DequeueCount, failure);
            await lease.ReturnAsync(options.RetryDelay * message.DequeueCount);
        }
    }

    /// <returns>Null for what is no message of this queue, and will be none at the next attempt.</returns>
    private static T? Read(QueueMessage message)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(message.Body, WireJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Copies first, then deletes: a message may be there twice, never not at all.</summary>
    private async Task MoveToPoisonAsync(QueueMessage message)
    {
        LogPoison(logger, queueName, message.MessageId, message.DequeueCount);
        var poison = storage.Queue(StorageNames.PoisonQueue(queueName));
        await poison.CreateIfNotExistsAsync(cancellationToken: CancellationToken.None);
        await poison.SendMessageAsync(message.Body, timeToLive: TimeSpan.FromSeconds(-1), cancellationToken: CancellationToken.None);
        await _queue.DeleteMessageAsync(message.MessageId, message.PopReceipt, CancellationToken.None);
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Queue {Queue} cannot be read; trying again")]
    private static partial void LogReceiveFailed(ILogger logger, string queue, Exception failure);

    [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "The lease of message {MessageId} of queue {Queue} was lost; its work was stopped")]
    private static partial void LogLeaseLost(ILogger logger, string queue, string messageId);

    [LoggerMessage(EventId = 5, Level = LogLevel.Information, Message = "Message {MessageId} of queue {Queue} is put off: {Reason}")]
    private static partial void LogPostponed(ILogger logger, string queue, string messageId, string reason);

    [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "Message {MessageId} of queue {Queue} failed at attempt {Attempt}")]
    private static partial void LogFailed(ILogger logger, string queue, string messageId, long attempt, Exception failure);

    [LoggerMessage(EventId = 4, Level = LogLevel.Error, Message = "Message {MessageId} of queue {Queue} goes to the poison queue after {Attempts} attempts")]
    private static partial void LogPoison(ILogger logger, string queue, string messageId, long attempts);
}
