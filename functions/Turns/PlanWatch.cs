using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Turns;

/// <summary>
/// Touches the row of a job while it is planned, so that the sweep leaves it alone, and ends the planning when the job is no longer in a
/// state that needs one: it was cancelled, paused or planned elsewhere.
/// </summary>
internal sealed class PlanWatch : IAsyncDisposable
{
    private readonly CancellationToken _stop;
    private readonly CancellationTokenSource _ended;
    private readonly Heartbeat _heartbeat;

    /// <param name="touchAsync">Touches the row, and returns whether the job is still to be planned.</param>
    /// <param name="stop">The host stops.</param>
    public PlanWatch(Func<CancellationToken, Task<bool>> touchAsync, TimeProvider time, CancellationToken stop)
    {
        _stop = stop;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _heartbeat = new Heartbeat(async token =>
        {
            if (!await touchAsync(token))
                await _ended.CancelAsync();
        }, time);
    }

    /// <summary>Cancelled when the planning is to end.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>Whether the job needs no plan any more; what the planning throws then is no failure.</summary>
    public bool IsUnwanted => _ended.IsCancellationRequested && !_stop.IsCancellationRequested;

    public async ValueTask DisposeAsync()
    {
        await _heartbeat.DisposeAsync();
        _ended.Dispose();
    }
}
