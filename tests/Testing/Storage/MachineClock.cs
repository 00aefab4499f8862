namespace LLaDA.Batch.Testing;

/// <summary>The clock of a machine, which may be wrong. Timers and spans do not depend on it, as on a real machine.</summary>
/// <param name="rightTime">What it shows until it jumps.</param>
public sealed class MachineClock(TimeProvider rightTime) : TimeProvider
{
    private long _wrongTicks;

    public TimeProvider RightTime => rightTime;

    public override TimeZoneInfo LocalTimeZone => rightTime.LocalTimeZone;

    public override long TimestampFrequency => rightTime.TimestampFrequency;

    public void Jump(TimeSpan by) => Interlocked.Add(ref _wrongTicks, by.Ticks);

    public override DateTimeOffset GetUtcNow() => rightTime.GetUtcNow().AddTicks(Interlocked.Read(ref _wrongTicks));

    public override long GetTimestamp() => rightTime.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        rightTime.CreateTimer(callback, state, dueTime, period);
}
