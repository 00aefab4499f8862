using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Queues;

/// <summary>The one owner of a message's pop receipt: keeps the message unseen by others, and deletes it or hands it back.</summary>
internal sealed class MessageLease : IAsyncDisposable
{
    private readonly QueueClient _queue;
    private readonly string _messageId;
    private readonly RenewedLease _lease;
    private string _popReceipt;

    public MessageLease(QueueClient queue, QueueMessage message, TimeSpan visibilityTimeout, TimeProvider time)
    {
        (_queue, _messageId, _popReceipt) = (queue, message.MessageId, message.PopReceipt);
        _lease = new RenewedLease(visibilityTimeout, cancellation => UpdateAsync(visibilityTimeout, cancellation), time, "message");
    }

    /// <summary>Cancelled when somebody else owns the message.</summary>
    public CancellationToken Lost => _lease.Lost;

    public async Task CompleteAsync()
    {
        await _lease.EndAsync();
        await IgnoringLossAsync(_queue.DeleteMessageAsync(_messageId, _popReceipt));
    }

    /// <summary>Lets the message be seen again after a delay.</summary>
    public async Task ReturnAsync(TimeSpan delay)
    {
        await _lease.EndAsync();
        await IgnoringLossAsync(UpdateAsync(delay, CancellationToken.None));
    }

    public ValueTask DisposeAsync() => _lease.DisposeAsync();

    private async Task UpdateAsync(TimeSpan visibilityTimeout, CancellationToken cancellation) =>
        _popReceipt = (await _queue.UpdateMessageAsync(_messageId, _popReceipt, visibilityTimeout: visibilityTimeout, cancellationToken: cancellation)).Value.PopReceipt;

    /// <summary>Losing a message at its end is no fault: its work is idempotent, and the next owner finds it done.</summary>
    private static async Task IgnoringLossAsync(Task end)
    {
        try
        {
            await end;
        }
        catch (RequestFailedException failure) when (RenewedLease.IsLoss(failure))
        {
        }
    }
}
