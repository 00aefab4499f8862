namespace LLaDA.Batch.Shared.Queues;

/// <summary>
/// The pauses between looks at an empty queue. They double from the shortest to the longest one, but only once there has been no message
/// for <see cref="QueueConsumerOptions.EagerTime"/>: until then they stay at the shortest.
/// </summary>
public sealed class PollingPace(QueueConsumerOptions options, TimeProvider time)
{
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(50);

    private TimeSpan _next = s_shortest;
    private long _found = time.GetTimestamp();

    /// <summary>There was a message.</summary>
    public void Found() => (_next, _found) = (s_shortest, time.GetTimestamp());

    /// <returns>The pause after a look that found nothing.</returns>
    public TimeSpan Pause()
    {
        var pause = _next;
        if (time.GetElapsedTime(_found) >= options.EagerTime)
            _next = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, options.MaxPollingInterval.Ticks));
        return pause;
    }
}
