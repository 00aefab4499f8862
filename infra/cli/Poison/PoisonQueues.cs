using Azure.Storage.Queues.Models;
using LLaDA.Batch.Cli.Jobs;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Poison;

/// <summary>Result of redriving a poison queue.</summary>
/// <param name="NumSent">Messages put back on the work queue.</param>
/// <param name="NumDropped">Messages deleted, because their job no longer needs them.</param>
/// <param name="NumKept">Messages that name no job; they stay.</param>
internal sealed record RedrivenQueue(string PoisonQueue, string Queue, int NumSent, int NumDropped, int NumKept);

/// <summary>The messages of a poison queue that can be read now.</summary>
/// <param name="Count">Approximate number of all its messages, those that are being processed included.</param>
internal sealed record PeekedQueue(IReadOnlyList<PoisonMessage> Messages, int Count)
{
    /// <summary>Storage returns no more in one call.</summary>
    public const int MaxMessages = 32;

    /// <summary>Why not all messages are shown; null where they are.</summary>
    public string? Rest(string queue) =>
        Count <= Messages.Count ? null
        : Messages.Count == MaxMessages ? $"{queue} has {Count} messages, {Messages.Count} of them shown"
        : $"{queue} has {Count} messages, {Messages.Count} of them shown: the others are being processed, and can be read later";
}

/// <summary>The poison queues of all work queues and hardware profiles.</summary>
internal sealed class PoisonQueues(StorageAccount storage, TimeProvider time)
{
    /// <summary>Visibility timeout while messages are redriven. After it those of a killed redrive are visible again.</summary>
    private static readonly TimeSpan s_visibility = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan s_noExpiry = TimeSpan.FromSeconds(-1);

    private readonly BatchStore _batches = new(storage, time);
    private readonly FineTuningStore _fineTuning = new(storage, time);

    /// <param name="queue">Name of a work queue or of its poison queue; null for all.</param>
    /// <returns>Names of poison queues, sorted.</returns>
    /// <exception cref="OperatorException">There is no such queue.</exception>
    public async Task<IReadOnlyList<string>> FindAsync(string? queue, CancellationToken cancellation)
    {
        var found = await storage.ListQueuesAsync(cancellation)
            .Where(name => StorageNames.QueueOfPoison(name) is { } work && (queue is null || name == queue || work == queue))
            .Order()
            .ToListAsync(cancellation);
        return queue is null || found.Count > 0
            ? found
            : throw new OperatorException($"There is no queue {queue} with a poison queue", ExitCodes.NotFound);
    }

    /// <summary>Reads the first messages of a poison queue without taking them. Messages that are being processed cannot be read.</summary>
    public async Task<PeekedQueue> PeekAsync(string poisonQueue, CancellationToken cancellation)
    {
        var queue = storage.Queue(poisonQueue);
        int count = (await queue.GetPropertiesAsync(cancellation)).Value.ApproximateMessagesCount;
        List<PoisonMessage> messages = [];
        foreach (var message in (await queue.PeekMessagesAsync(PeekedQueue.MaxMessages, cancellation)).Value)
            messages.Add(await ReadAsync(poisonQueue, message.MessageId, message.InsertedOn, message.Body, cancellation));
        return new PeekedQueue(messages, count);
    }

    /// <summary>
    /// Puts messages back on their queue. Each is sent before it is deleted, so that a failure may double a message but never lose one.
    /// Messages that their job no longer needs are dropped, since each would start a worker in vain.
    /// Handles each message that is there now once; a message that fails again meanwhile waits for the next redrive.
    /// </summary>
    public async Task<RedrivenQueue> RedriveAsync(string poisonQueue, CancellationToken cancellation)
    {
        var (poison, work) = (storage.Queue(poisonQueue), storage.Queue(StorageNames.QueueOfPoison(poisonQueue)!));
        int left = (await poison.GetPropertiesAsync(cancellation)).Value.ApproximateMessagesCount;
        var result = new RedrivenQueue(poisonQueue, work.Name, 0, 0, 0);
        List<QueueMessage> kept = [];
        while (left > 0)
        {
            int most = Math.Min(left, PeekedQueue.MaxMessages);
            QueueMessage[] received = await poison.ReceiveMessagesAsync(most, s_visibility, cancellation);
            if (received.Length == 0)
                break;
            left -= received.Length;
            foreach (var message in received)
            {
                var read = await ReadAsync(poisonQueue, message.MessageId, message.InsertedOn, message.Body, cancellation);
                if (read.IsNeeded is null)
                {
                    kept.Add(message);
                    continue;
                }
                if (read.IsNeeded.Value)
                    await work.SendMessageAsync(message.Body, timeToLive: s_noExpiry, cancellationToken: cancellation);
                await poison.DeleteMessageAsync(message.MessageId, message.PopReceipt, cancellation);
                result = read.IsNeeded.Value
                    ? result with { NumSent = result.NumSent + 1 }
                    : result with { NumDropped = result.NumDropped + 1 };
            }
        }
        foreach (var message in kept)
        {
            await poison.UpdateMessageAsync(
                message.MessageId, message.PopReceipt, visibilityTimeout: TimeSpan.Zero, cancellationToken: cancellation);
        }
        return result with { NumKept = kept.Count };
    }

    private async Task<PoisonMessage> ReadAsync(
        string poisonQueue, string id, DateTimeOffset? insertedAt, BinaryData body, CancellationToken cancellation)
    {
        string queue = StorageNames.QueueOfPoison(poisonQueue)!, text = body.ToString();
        var message = new PoisonMessage(
            poisonQueue, queue, id, insertedAt, Tenant: null, Job: null, State: null, IsNeeded: null, text);
        switch (MessageKeys.Parse(text))
        {
            case { Tenant: { } tenant, Batch: { } key }:
                var batch = await _batches.Records.FindAsync(tenant, key, cancellation);
                return Of(tenant, BatchRecord.IdPrefix + key, batch is null ? null : JobView.Name(batch.Status), batch?.IsTerminal);
            case { Tenant: { } tenant, Job: { } key }:
                var job = await _fineTuning.Records.FindAsync(tenant, key, cancellation);
                return Of(tenant, FineTuningJobRecord.IdPrefix + key, job is null ? null : JobView.Name(job.Status), job?.IsTerminal);
            default:
                return message;
        }

        // A webhook reports a job that has ended. All other messages are for jobs that have not.
        PoisonMessage Of(string tenant, string job, string? status, bool? hasEnded) => message with
        {
            Tenant = tenant,
            Job = job,
            State = status ?? "gone",
            IsNeeded = hasEnded is { } ended && ended == (queue == StorageNames.WebhookQueue),
        };
    }
}
