using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Queues;

/// <summary>Keeps a received message hidden from other consumers until it is deleted or returned.</summary>
internal sealed class MessageLease : IAsyncDisposable
{
    private readonly QueueClient _queue;
    private readonly string _messageId;
    private readonly RenewedLease _lease;
    private string _popReceipt;

    public MessageLease(QueueClient queue, QueueMessage message, TimeSpan visibilityTimeout, TimeProvider time)
    {
        (_queue, _messageId, _popReceipt) = (queue, message.MessageId, message.PopReceipt);
        Task RenewAsync(CancellationToken cancellation) => UpdateAsync(visibilityTimeout, cancellation);
        _lease = new RenewedLease(visibilityTimeout, RenewAsync, time, () => Telemetry.CountLostLease("message"));
    }

    /// <summary>Cancelled when another consumer owns the message.</summary>
    public CancellationToken Lost => _lease.Lost;

    public async Task CompleteAsync()
    {
        await _lease.EndAsync();
        await IgnoringLossAsync(_queue.DeleteMessageAsync(_messageId, _popReceipt));
    }

    /// <summary>Makes the message visible again after a delay.</summary>
    public async Task ReturnAsync(TimeSpan delay)
    {
        await _lease.EndAsync();
        await IgnoringLossAsync(UpdateAsync(delay, CancellationToken.None));
    }

    public ValueTask DisposeAsync() => _lease.DisposeAsync();

    private async Task UpdateAsync(TimeSpan visibilityTimeout, CancellationToken cancellation)
    {
        var updated = await _queue.UpdateMessageAsync(
            _messageId, _popReceipt, visibilityTimeout: visibilityTimeout, cancellationToken: cancellation);
        _popReceipt = updated.Value.PopReceipt;
    }

    /// <summary>A message lost at its end is no error: its work is idempotent, and the next owner finds it done.</summary>
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
