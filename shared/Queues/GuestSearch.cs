namespace LLaDA.Batch.Shared.Queues;

/// <summary>
/// When a queue that is longer than storage shows is searched for a guest: at once, and after a vain search when it has moved, so that a
/// message which came meanwhile is passed by a bounded number of others.
/// </summary>
internal sealed class GuestSearch(TimeProvider time)
{
    /// <summary>Messages received since a vain search after which there is another one.</summary>
    private const int MovedAfter = 64;

    /// <summary>How soon the next search is at the earliest, and how soon whatever was received.</summary>
    private static readonly TimeSpan s_earliest = TimeSpan.FromSeconds(1), s_latest = TimeSpan.FromSeconds(5);

    private long? _searched;
    private int _received, _receivedThen;

    /// <summary>Whether anything was received since the last vain search.</summary>
    public bool HasMoved => NumReceived > 0;

    public bool IsDue => Elapsed >= s_latest || (Elapsed >= s_earliest && NumReceived >= MovedAfter);

    private int NumReceived => Volatile.Read(ref _received) - _receivedThen;

    private TimeSpan Elapsed => _searched is { } then ? time.GetElapsedTime(then) : TimeSpan.MaxValue;

    /// <summary>A message was received in its turn; from any thread.</summary>
    public void Received() => Interlocked.Increment(ref _received);

    /// <summary>A search was in vain.</summary>
    public void InVain() => (_searched, _receivedThen) = (time.GetTimestamp(), Volatile.Read(ref _received));
}
