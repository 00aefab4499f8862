using System.Collections.Concurrent;
using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.AzureHost.Tests.Driver;

/// <summary>
/// Receives the messages of a queue by the rules of the host's queue extension. A message stays invisible for ten minutes while it is in
/// work, which nothing shortens when the host is killed.
/// </summary>
/// <param name="execute">Runs the function with the text of a message; false when it failed.</param>
/// <param name="log">The host's own log.</param>
internal sealed class QueueListener(
    StorageAccount storage, string queue, HostSettings settings, Func<string, Task<bool>> execute, Action<string> log)
{
    private static readonly TimeSpan s_invisible = TimeSpan.FromMinutes(10), s_shortestPause = TimeSpan.FromMilliseconds(100);

    private readonly QueueClient _queue = storage.Queue(queue);
    private readonly ConcurrentDictionary<string, Task> _running = [];

    /// <summary>Ids of the messages in work.</summary>
    public ICollection<string> Running => _running.Keys;

    public async Task RunAsync(CancellationToken stop)
    {
        var pause = s_shortestPause;
        try
        {
            while (true)
            {
                var messages = await ReceiveAsync(stop);
                foreach (var message in messages)
                    _running[message.MessageId] = HandleAsync(message);
                pause = 2 * pause < settings.MaxPollingInterval ? 2 * pause : settings.MaxPollingInterval;
                if (messages.Count > 0)
                    pause = s_shortestPause;
                if (messages.Count == 0)
                    await Task.Delay(pause, stop);
                while (_running.Count > settings.NewBatchThreshold)
                    await Task.WhenAny(_running.Values).WaitAsync(stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task<IReadOnlyList<QueueMessage>> ReceiveAsync(CancellationToken stop)
    {
        try
        {
            return (await _queue.ReceiveMessagesAsync(settings.BatchSize, s_invisible, stop)).Value;
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return [];
        }
    }

    private async Task HandleAsync(QueueMessage message)
    {
        await Task.Yield();
        try
        {
            if (await execute(message.Body.ToString()))
                await _queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
            else if (!queue.EndsWith(StorageNames.PoisonSuffix, StringComparison.Ordinal))
                await ReleaseAsync(message);
        }
        finally
        {
            _running.TryRemove(message.MessageId, out _);
        }
    }

    /// <summary>A poison queue has no poison queue of its own: there a failed message only stays invisible.</summary>
    private async Task ReleaseAsync(QueueMessage message)
    {
        if (message.DequeueCount < settings.MaxDequeueCount)
        {
            await _queue.UpdateMessageAsync(message.MessageId, message.PopReceipt, visibilityTimeout: settings.VisibilityTimeout);
            return;
        }
        string poison = StorageNames.PoisonQueue(queue);
        log($"Message has reached MaxDequeueCount of {settings.MaxDequeueCount}. Moving message to queue '{poison}'.");
        await storage.Queue(poison).CreateIfNotExistsAsync();
        await storage.Queue(poison).SendMessageAsync(message.Body);
        await _queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
    }
}
