using Azure.Core;
using Azure.Core.Pipeline;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>
/// The time by the clock of storage, which all processes share. It advances by the monotonic time of this machine, so that a jump of the
/// machine's clock changes nothing, and each answer of storage, whose header tells the time to the second, sets it right.
/// </summary>
/// <remarks>Until the first answer it is the time at which the machine's clock stood at the start.</remarks>
internal sealed class StorageClock : TimeProvider
{
    private static readonly TimeSpan s_resolution = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _machine;
    private readonly long _start;
    private long _utcTicksAtStart;

    public StorageClock(TimeProvider machine)
    {
        (_machine, _start) = (machine, machine.GetTimestamp());
        _utcTicksAtStart = machine.GetUtcNow().UtcTicks;
        Policy = new Reading(this);
    }

    /// <summary>Reads the time from answers of storage; belongs next to the transport.</summary>
    public HttpPipelinePolicy Policy { get; }

    public override TimeZoneInfo LocalTimeZone => _machine.LocalTimeZone;

    public override long TimestampFrequency => _machine.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() =>
        new(Volatile.Read(ref _utcTicksAtStart) + SinceStart(GetTimestamp()).Ticks, TimeSpan.Zero);

    public override long GetTimestamp() => _machine.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        _machine.CreateTimer(callback, state, dueTime, period);

    /// <summary>Sets the clock to the nearest time that fits: storage told it between a request and its answer.</summary>
    /// <param name="date">Without the fraction of its second.</param>
    private void Set(DateTimeOffset date, long sent, long received)
    {
        long earliest = date.UtcTicks - SinceStart(received).Ticks;
        long latest = (date + s_resolution).UtcTicks - SinceStart(sent).Ticks;
        long now = Volatile.Read(ref _utcTicksAtStart);
        Volatile.Write(ref _utcTicksAtStart, Math.Clamp(now, earliest, latest));
    }

    private TimeSpan SinceStart(long timestamp) => _machine.GetElapsedTime(_start, timestamp);

    private sealed class Reading(StorageClock clock) : HttpPipelinePolicy
    {
        public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
        {
            long sent = clock.GetTimestamp();
            ProcessNext(message, pipeline);
            Read(message, sent);
        }

        public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
        {
            long sent = clock.GetTimestamp();
            await ProcessNextAsync(message, pipeline);
            Read(message, sent);
        }

        private void Read(HttpMessage message, long sent)
        {
            if (message.HasResponse && message.Response.Headers.Date is { } date)
                clock.Set(date, sent, clock.GetTimestamp());
        }
    }
}
