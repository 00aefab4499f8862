namespace LLaDA.Batch.Shared.Queues;

/// <summary>How long the consumers that share it have had nothing to do; thread-safe.</summary>
public sealed class IdleClock
{
    private readonly Lock _lock = new();
    private int _working;
    private long? _idleSince;

    /// <summary>A message is in work.</summary>
    public void Begin()
    {
        lock (_lock)
            _working++;
    }

    public void End(TimeProvider time)
    {
        lock (_lock)
        {
            _working--;
            _idleSince = time.GetTimestamp();
        }
    }

    /// <summary>Zero while a message is in work; begins with the first call.</summary>
    public TimeSpan Elapsed(TimeProvider time)
    {
        lock (_lock)
        {
            _idleSince ??= time.GetTimestamp();
            return _working > 0 ? TimeSpan.Zero : time.GetElapsedTime(_idleSince.Value);
        }
    }
}
