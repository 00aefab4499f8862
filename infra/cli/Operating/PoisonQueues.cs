using System.Text.Json;
using Azure.Storage.Queues.Models;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>A message that failed again and again.</summary>
/// <param name="Queue">Where it goes back to.</param>
/// <param name="Job">Null when it names none.</param>
/// <param name="State">The job's status, or <c>gone</c>.</param>
/// <param name="IsNeeded">Whether the job still has a use for it; null when it names none.</param>
internal sealed record PoisonMessage(string PoisonQueue, string Queue, string Id, DateTimeOffset? InsertedAt, string? Tenant, string? Job, string? State, bool? IsNeeded, string Text);

/// <summary>What became of the messages of a poison queue.</summary>
/// <param name="NumSent">They are on their queue again.</param>
/// <param name="NumDropped">Their jobs have no use for them any more.</param>
/// <param name="NumKept">They name no job, and stay.</param>
internal sealed record RedrivenQueue(string PoisonQueue, string Queue, int NumSent, int NumDropped, int NumKept);

/// <summary>The poison queues of all work queues, whatever hardware profiles there are.</summary>
internal sealed class PoisonQueues(StorageAccount storage, TimeProvider time)
{
    private const int MaxReceived = 32;

    /// <summary>How long messages in hand are hidden from others: those of a redrive that is killed are seen again afterwards.</summary>
    private static readonly TimeSpan s_visibility = TimeSpan.FromMinutes(2), s_forEver = TimeSpan.FromSeconds(-1);

    private readonly BatchStore _batches = new(storage, time);
    private readonly FineTuningStore _trainings = new(storage, time);

    private sealed record Named(string? Tenant, string? Batch, string? Job);

    /// <param name="queue">Of this work queue, or poison queue, alone; null is all.</param>
    /// <exception cref="OperatorException">There is no such queue.</exception>
    public async Task<IReadOnlyList<string>> FindAsync(string? queue, CancellationToken cancellation)
    {
        var all = await storage.ListQueuesAsync(cancellation)
            .Where(name => StorageNames.QueueOfPoison(name) is { } work && (queue is null || name == queue || work == queue)).Order().ToListAsync(cancellation);
        return queue is null || all.Count > 0 ? all : throw new OperatorException($"There is no queue {queue} with a poison queue", ExitCodes.NotFound);
    }

    /// <summary>The first messages of a poison queue, which stay there; those in somebody's hand are not seen.</summary>
    /// <returns>At most 32, and about how many there are.</returns>
    public async Task<(IReadOnlyList<PoisonMessage> Messages, int Count)> PeekAsync(string poisonQueue, CancellationToken cancellation)
    {
        var queue = storage.Queue(poisonQueue);
        int count = (await queue.GetPropertiesAsync(cancellation)).Value.ApproximateMessagesCount;
        List<PoisonMessage> messages = [];
        foreach (var message in (await queue.PeekMessagesAsync(MaxReceived, cancellation)).Value)
            messages.Add(await ReadAsync(poisonQueue, message.MessageId, message.InsertedOn, message.Body, cancellation));
        return (messages, count);
    }

    /// <summary>
    /// Puts messages back on their queue: sends first, then deletes, so that one may be there twice but never not at all. A message whose job has no use for it is dropped: it would start
    /// a worker for nothing. Each message that is there now is looked at once; one that fails again meanwhile waits for the next time.
    /// </summary>
    public async Task<RedrivenQueue> RedriveAsync(string poisonQueue, CancellationToken cancellation)
    {
        var (poison, work) = (storage.Queue(poisonQueue), storage.Queue(StorageNames.QueueOfPoison(poisonQueue)!));
        int left = (await poison.GetPropertiesAsync(cancellation)).Value.ApproximateMessagesCount;
        var result = new RedrivenQueue(poisonQueue, work.Name, 0, 0, 0);
        List<QueueMessage> kept = [];
        while (left > 0 && (await poison.ReceiveMessagesAsync(Math.Min(left, MaxReceived), s_visibility, cancellation)).Value is { Length: > 0 } received)
        {
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
                    await work.SendMessageAsync(message.Body, timeToLive: s_forEver, cancellationToken: cancellation);
                await poison.DeleteMessageAsync(message.MessageId, message.PopReceipt, cancellation);
                result = read.IsNeeded.Value ? result with { NumSent = result.NumSent + 1 } : result with { NumDropped = result.NumDropped + 1 };
            }
        }
        foreach (var message in kept)
            await poison.UpdateMessageAsync(message.MessageId, message.PopReceipt, visibilityTimeout: TimeSpan.Zero, cancellationToken: cancellation);
        return result with { NumKept = kept.Count };
    }

    private async Task<PoisonMessage> ReadAsync(string poisonQueue, string id, DateTimeOffset? insertedAt, BinaryData body, CancellationToken cancellation)
    {
        string queue = StorageNames.QueueOfPoison(poisonQueue)!, text = body.ToString();
        var none = new PoisonMessage(poisonQueue, queue, id, insertedAt, Tenant: null, Job: null, State: null, IsNeeded: null, text);
        switch (Parse(text))
        {
            case { Tenant: { } tenant, Batch: { } key }:
                var batch = await _batches.Records.FindAsync(tenant, key, cancellation);
                return none with { Tenant = tenant, Job = BatchRecord.IdPrefix + key, State = batch is null ? "gone" : JobView.Name(batch.Status), IsNeeded = IsNeeded(batch?.IsTerminal) };
            case { Tenant: { } tenant, Job: { } key }:
                var job = await _trainings.Records.FindAsync(tenant, key, cancellation);
                return none with { Tenant = tenant, Job = FineTuningJobRecord.IdPrefix + key, State = job is null ? "gone" : JobView.Name(job.Status), IsNeeded = IsNeeded(job?.IsTerminal) };
            default:
                return none;
        }

        // An endpoint hears of a job that has ended; everything else concerns one that has not.
        bool IsNeeded(bool? hasEnded) => hasEnded is { } ended && ended == (queue == StorageNames.WebhookQueue);
    }

    /// <returns>Null for what is no message of this service.</returns>
    private static Named? Parse(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<Named>(text, WireJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
