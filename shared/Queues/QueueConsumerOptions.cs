namespace LLaDA.Batch.Shared.Queues;

/// <summary>How a queue is consumed; the values equal those of the Azure host (functions/host.json).</summary>
public sealed record QueueConsumerOptions
{
    /// <summary>Messages processed at the same time.</summary>
    public int Concurrency { get; init; } = 1;

    /// <summary>
    /// Messages processed besides those, each of a party of which none is in process: so a party's first message does not wait behind all
    /// those of others. Needs a consumer that knows the parties. Messages that are passed for a guest count as received, so
    /// <see cref="MaxDequeueCount"/> must not limit how often.
    /// </summary>
    public int Guests { get; init; }

    /// <summary>
    /// Whether a message of a party of which none is in process, and which had not the last one, comes before others. Costs a look at the
    /// queue for each message. Needs a consumer that knows the parties.
    /// </summary>
    public bool TakesTurns { get; init; }

    /// <summary>How long a message in process stays invisible to other consumers; renewed at half of it.</summary>
    public TimeSpan VisibilityTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a failed message waits, times the number of attempts.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Attempts before a message goes to the poison queue.</summary>
    public int MaxDequeueCount { get; init; } = 5;

    /// <summary>How long after a message an empty queue is polled at the shortest pause.</summary>
    public TimeSpan EagerTime { get; init; }

    /// <summary>The longest pause between polls of an empty queue; pauses double up to it.</summary>
    public TimeSpan MaxPollingInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the consumer may have nothing to do before it ends; null waits for the shutdown.</summary>
    public TimeSpan? IdleLimit { get; init; }

    /// <summary>Consumers that share a clock end together.</summary>
    public IdleClock Idle { get; init; } = new();
}
