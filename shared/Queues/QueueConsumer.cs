using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Shared.Queues;

/// <summary>
/// Receives the messages of a queue and calls a handler with each, at least once. A message is leased while its handler runs, deleted when
/// the handler returns, made visible again when it throws, and copied to the poison queue after too many attempts or when it cannot be
/// read.
/// </summary>
/// <remarks>
/// Three things end a handler early and are kept apart: the shutdown of the process (the message becomes visible at once), the loss of the
/// lease (another consumer owns the message: nothing more is written), and the handler's own failure. A message whose handler has returned
/// is deleted even during a shutdown.
/// </remarks>
/// <param name="partyOf">Whose message it is, for <see cref="QueueConsumerOptions.Guests"/> and
/// <see cref="QueueConsumerOptions.TakesTurns"/>; null without them.</param>
public sealed partial class QueueConsumer<T>(
    StorageAccount storage,
    string queueName,
    QueueConsumerOptions options,
    Func<T, CancellationToken, Task> handler,
    TimeProvider time,
    ILogger logger,
    Func<T, string>? partyOf = null)
    where T : class
{
    /// <summary>The longest wait of a failed message, as a multiple of <see cref="QueueConsumerOptions.RetryDelay"/>.</summary>
    private const int MaxRetryDelays = 12;

    /// <summary>Pages of a long queue that are searched for a guest.</summary>
    private const int SearchedPages = 8;

    private readonly QueueClient _queue = storage.Queue(queueName);
    private readonly WorkQueues _queues = new(storage);
    private readonly MessagePassing<T> _passing = new(storage.Queue(queueName), options.VisibilityTimeout);
    private readonly PartiesInHand _inHand = new(options.Concurrency);
    private readonly PollingPace _pace = new(options, time), _guestPace = new(options, time);
    private readonly GuestSearch _search = new(time);
    private string? _last;

    /// <summary>
    /// Runs until the shutdown, or until the queue has been empty for <see cref="QueueConsumerOptions.IdleLimit"/>. Returns when every
    /// received message has been deleted or made visible again.
    /// </summary>
    public async Task RunAsync(CancellationToken shutdown)
    {
        // One at a time looks for a message: the polls of an empty queue do not grow with the concurrency.
        using var polling = new SemaphoreSlim(1);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(shutdown);
        var welcoming = options.Guests > 0 ? WelcomeAsync(ending.Token, shutdown) : Task.CompletedTask;
        await Task.WhenAll(Enumerable.Range(0, options.Concurrency).Select(_ => ConsumeAsync(polling, shutdown)));
        await ending.CancelAsync();
        await welcoming;
    }

    /// <summary>Takes guests as long as all other places are taken, and looks for some where places are free but messages come.</summary>
    /// <param name="ending">No further guest is taken.</param>
    private async Task WelcomeAsync(CancellationToken ending, CancellationToken shutdown)
    {
        List<Task> guests = [];
        while (!ending.IsCancellationRequested)
        {
            guests.RemoveAll(guest => guest.IsCompleted);
            try
            {
                bool searches = _search.IsDue;
                if ((_inHand.IsFull || (searches && _search.HasMoved)) && guests.Count < options.Guests)
                {
                    if (await FindOtherAsync(last: null, searches ? SearchedPages : 0, ending) is { } message)
                    {
                        options.Idle.Begin();
                        guests.Add(ServeAsync(message, shutdown));
                        _guestPace.Found();
                        continue;
                    }
                    if (searches)
                        _search.InVain();
                }
            }
            catch (Exception failure) when (!ending.IsCancellationRequested)
            {
                LogReceiveFailed(logger, queueName, failure);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            await Task.Delay(_guestPace.Pause(), time, ending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await Task.WhenAll(guests);
    }

    private async Task ConsumeAsync(SemaphoreSlim polling, CancellationToken shutdown)
    {
        while (await NextAsync(polling, shutdown) is { } message)
            await ServeAsync(message, shutdown);
    }

    private async Task ServeAsync(QueueMessage message, CancellationToken shutdown)
    {
        try
        {
            await ProcessAsync(message, shutdown);
        }
        catch (Exception failure)
        {
            // The message could not be returned or copied: it becomes visible by itself.
            LogReceiveFailed(logger, queueName, failure);
        }
        finally
        {
            options.Idle.End(time);
        }
    }

    /// <summary>Waits for a message.</summary>
    /// <returns>Null at the end.</returns>
    private async Task<QueueMessage?> NextAsync(SemaphoreSlim polling, CancellationToken shutdown)
    {
        try
        {
            await polling.WaitAsync(shutdown);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        try
        {
            return await PollAsync(shutdown);
        }
        catch (OperationCanceledException) when (shutdown.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            polling.Release();
        }
    }

    private async Task<QueueMessage?> PollAsync(CancellationToken shutdown)
    {
        while (!shutdown.IsCancellationRequested && !(options.Idle.Elapsed(time) > options.IdleLimit))
        {
            try
            {
                if (await ReceiveAsync(shutdown) is { } message)
                {
                    options.Idle.Begin();
                    _pace.Found();
                    _search.Received();
                    return message;
                }
            }
            catch (Exception failure) when (!(failure is OperationCanceledException && shutdown.IsCancellationRequested))
            {
                // Any failure, also to get a token: a consumer that ended would leave its queue unread.
                LogReceiveFailed(logger, queueName, failure);
            }
            await Task.Delay(_pace.Pause() * (0.5 + Random.Shared.NextDouble()), time, shutdown);
        }
        return null;
    }

    private async Task<QueueMessage?> ReceiveAsync(CancellationToken shutdown)
    {
        try
        {
            var message = (options.TakesTurns ? await FindOtherAsync(_last, maxPages: 0, shutdown) : null)
                ?? (await _queue.ReceiveMessageAsync(options.VisibilityTimeout, shutdown)).Value;
            if (options.TakesTurns && message is not null && MessageReader.TryRead<T>(message.Body.ToString()) is { } work)
                _last = partyOf!(work);
            return message;
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            await _queue.CreateIfNotExistsAsync(cancellationToken: shutdown);
            return null;
        }
    }

    /// <param name="last">The party of the last message, which is not wanted either.</param>
    /// <returns>A message of a party of which none is in process; null where there is none.</returns>
    private Task<QueueMessage?> FindOtherAsync(string? last, int maxPages, CancellationToken cancellation) =>
        _passing.FindAsync(message => partyOf!(message) is var party && party != last && !_inHand.Has(party), maxPages, cancellation);

    private async Task ProcessAsync(QueueMessage message, CancellationToken shutdown)
    {
        var work = MessageReader.TryRead<T>(message.Body.ToString());
        if (work is null || message.DequeueCount > options.MaxDequeueCount)
        {
            await MoveToPoisonAsync(message);
            return;
        }

        using var inHand = _inHand.Enter(partyOf?.Invoke(work) ?? "");
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
            await lease.ReturnAsync(options.RetryDelay * Math.Min(message.DequeueCount, MaxRetryDelays));
        }
    }

    /// <summary>Copies first, then deletes: the message may exist twice, but is never lost.</summary>
    private async Task MoveToPoisonAsync(QueueMessage message)
    {
        LogPoison(logger, queueName, message.MessageId, message.DequeueCount);
        await _queues.SendPoisonAsync(queueName, message.Body.ToString(), CancellationToken.None);
        await _queue.DeleteMessageAsync(message.MessageId, message.PopReceipt, CancellationToken.None);
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Queue {Queue} cannot be read; retrying")]
    private static partial void LogReceiveFailed(ILogger logger, string queue, Exception failure);

    [LoggerMessage(
        EventId = 2, Level = LogLevel.Warning,
        Message = "The lease of message {MessageId} of queue {Queue} was lost; its work was stopped")]
    private static partial void LogLeaseLost(ILogger logger, string queue, string messageId);

    [LoggerMessage(EventId = 5, Level = LogLevel.Information, Message = "Message {MessageId} of queue {Queue} is postponed: {Reason}")]
    private static partial void LogPostponed(ILogger logger, string queue, string messageId, string reason);

    [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "Message {MessageId} of queue {Queue} failed at attempt {Attempt}")]
    private static partial void LogFailed(ILogger logger, string queue, string messageId, long attempt, Exception failure);

    [LoggerMessage(
        EventId = 4, Level = LogLevel.Error,
        Message = "Message {MessageId} of queue {Queue} goes to the poison queue after {Attempts} attempts")]
    private static partial void LogPoison(ILogger logger, string queue, string messageId, long attempts);
}
