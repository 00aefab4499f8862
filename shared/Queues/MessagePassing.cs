using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;

namespace LLaDA.Batch.Shared.Queues;

/// <summary>
/// Takes the first message of a queue that is wanted and passes the ones before it. Passed messages go to the end of the queue at once,
/// about in their order.
/// </summary>
/// <param name="visibilityTimeout">How long the message found stays invisible to other consumers.</param>
internal sealed class MessagePassing<T>(QueueClient queue, TimeSpan visibilityTimeout)
    where T : class
{
    /// <summary>Messages that storage shows or hands out in one call.</summary>
    private const int PageSize = 32;

    private const int ReturnedAtOnce = 8;

    /// <param name="maxPages">
    /// Pages that are received and passed where none is shown at the front, at most; 0 only looks. A wanted message behind them is found
    /// later, since these go to the end.
    /// </param>
    /// <returns>Null when there is none.</returns>
    public async Task<QueueMessage?> FindAsync(Func<T, bool> isWanted, int maxPages, CancellationToken cancellation)
    {
        bool IsWanted(BinaryData body) => MessageReader.TryRead<T>(body.ToString()) is { } message && isWanted(message);

        var shown = (await queue.PeekMessagesAsync(PageSize, cancellation)).Value;
        int index = Array.FindIndex(shown, message => IsWanted(message.Body));
        if (index < 0 && shown.Length < PageSize)
            return null;
        (int count, int pages) = index < 0 ? (PageSize, maxPages) : (index + 1, 1);
        List<QueueMessage> passed = [];
        try
        {
            QueueMessage? found = null;
            for (int page = 0, received = count; page < pages && received == count && found is null; page++)
            {
                var messages = (await queue.ReceiveMessagesAsync(count, visibilityTimeout, cancellation)).Value;
                found = Array.Find(messages, message => IsWanted(message.Body));
                passed.AddRange(messages.Where(message => message != found));
                received = messages.Length;
            }
            return found;
        }
        finally
        {
            foreach (var some in passed.Chunk(ReturnedAtOnce))
                await Task.WhenAll(some.Select(ReturnAsync));
        }
    }

    /// <summary>Makes a message visible again. One that storage does not take back is visible after its time.</summary>
    private async Task ReturnAsync(QueueMessage message)
    {
        try
        {
            await queue.UpdateMessageAsync(
                message.MessageId, message.PopReceipt, visibilityTimeout: TimeSpan.Zero, cancellationToken: CancellationToken.None);
        }
        catch (RequestFailedException)
        {
        }
    }
}
