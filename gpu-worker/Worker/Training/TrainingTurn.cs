using LLaDA.Batch.Worker.Jobs;

namespace LLaDA.Batch.Worker.Training;

/// <summary>
/// A run's time on this worker. While trainings of other tenants wait it is over after a slice, or before that where its tenant is ahead
/// of one of them and the run has lasted for several times its start: a short training waits for a step of a long one, and two long ones
/// take turns that are long beside what a turn costs.
/// </summary>
internal sealed class TrainingTurn : IAsyncDisposable
{
    /// <summary>A run lasts for so many times its start, and a tenant leads by so many times it, before another one has its turn.</summary>
    private const int StartsOfRun = 4, StartsOfLead = 10;

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1), s_leastLead = TimeSpan.FromSeconds(20);

    private readonly string _tenant;
    private readonly TimeSpan _slice;
    private readonly TrainingTimes _times;
    private readonly Func<CancellationToken, Task<IReadOnlySet<string>>> _listWaitingAsync;
    private readonly TimeProvider _time;
    private readonly long _began;
    private readonly JobWatch _watch;

    /// <summary>What the run took before its first step, in ticks; -1 until then.</summary>
    private long _start = -1;

    /// <param name="listWaitingAsync">The tenants whose trainings wait; if it throws, no one waits.</param>
    public TrainingTurn(
        string tenant,
        TimeSpan slice,
        TrainingTimes times,
        Func<CancellationToken, Task<IReadOnlySet<string>>> listWaitingAsync,
        TimeProvider time)
    {
        (_tenant, _slice, _times, _time, _began) = (tenant, slice, times, time, time.GetTimestamp());
        _listWaitingAsync = listWaitingAsync;
        _watch = new JobWatch(async stop => !await IsOverAsync(stop), s_interval, time);
    }

    /// <summary>Cancelled once it is over.</summary>
    public CancellationToken Over => _watch.Unwanted;

    private TimeSpan Elapsed => _time.GetElapsedTime(_began);

    private bool IsSliceOver => Elapsed >= _slice;

    private bool MayBeOver => IsSliceOver || (Volatile.Read(ref _start) is >= 0 and var start && Elapsed.Ticks >= StartsOfRun * start);

    /// <summary>The first step begins: what was before it is what another turn costs.</summary>
    public void Start() => Volatile.Write(ref _start, Elapsed.Ticks);

    /// <summary>Whether it is over now. Asks who waits only where that decides.</summary>
    public async Task<bool> IsOverAsync(CancellationToken cancellation) => MayBeOver && IsOver(await _listWaitingAsync(cancellation));

    /// <summary>Ends the turn: its time counts as the tenant's.</summary>
    public async ValueTask DisposeAsync()
    {
        await _watch.DisposeAsync();
        _times.Add(_tenant, Elapsed);
    }

    private bool IsOver(IReadOnlySet<string> waiting)
    {
        long lead = Math.Min(Math.Max(StartsOfLead * Volatile.Read(ref _start), s_leastLead.Ticks), _slice.Ticks);
        return waiting.Any(other => other != _tenant && (IsSliceOver || _times.Lead(_tenant, Elapsed, other).Ticks >= lead));
    }
}
