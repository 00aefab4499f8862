using System.Diagnostics;

namespace LLaDA.Batch.Worker.Device;

/// <summary>
/// The only thread that touches tensors. Dispose scopes, gradient modes and the device's stream belong to a thread, so all code below
/// runs here without awaiting, and all code above is asynchronous.
/// </summary>
/// <remarks>
/// Long work comes as turns of bounded length, at most a forward pass or the gradient of one. The parties (tenants, sampling, trainings)
/// share the time by their weights, so a short request waits a few turns, whatever else the worker does.
/// </remarks>
internal sealed class TensorThread : IDisposable
{
    /// <summary>The party of single pieces of the worker's own work, such as loads. They come first and are charged to no one.</summary>
    private const string Own = "";

    private static readonly Func<int> s_free = static () => int.MaxValue;

    private readonly TurnQueue _turns = new();
    private readonly object _lock = new();
    private readonly Action<long, long>? _worked;
    private readonly Thread _thread;
    private bool _isEnding;

    /// <param name="worked">Called on the thread with the timestamps at which each work item started and ended.</param>
    public TensorThread(Action<long, long>? worked = null)
    {
        _worked = worked;
        _thread = new Thread(Run) { IsBackground = true, Name = "tensors" };
        _thread.Start();
    }

    /// <summary>Runs a work item once, as a turn of the worker itself.</summary>
    /// <param name="cancellation">Drops the item if it has not started.</param>
    public async Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        T result = default!;
        await RepeatAsync(Own, () =>
        {
            result = work();
            return false;
        }, cancellation, s_free);
        return result;
    }

    /// <summary>Runs a work item turn by turn until it returns false; other parties have their turns in between.</summary>
    /// <param name="party">Whose turns they are; turns of one party run in the order of the calls.</param>
    /// <param name="cancellation">Observed before each turn.</param>
    /// <param name="weight">The party's share of the time as a multiple of the others', at least 1; null for 1.</param>
    public Task RepeatAsync(object party, Func<bool> turn, CancellationToken cancellation, Func<int>? weight = null)
    {
        var completion = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isEnding, this);
            _turns.Add(party, new Turn(RunOnce, End, weight ?? (static () => 1)));
            Monitor.Pulse(_lock);
        }
        return completion.Task;

        bool RunOnce()
        {
            if (cancellation.IsCancellationRequested)
            {
                completion.SetCanceled(cancellation);
                return false;
            }
            try
            {
                if (turn())
                    return true;
                completion.SetResult();
            }
            catch (OperationCanceledException exception)
            {
                completion.SetCanceled(exception.CancellationToken);
            }
            catch (Exception exception)
            {
                completion.SetException(exception);
            }
            return false;
        }

        void End() => completion.SetException(new ObjectDisposedException(nameof(TensorThread)));
    }

    /// <summary>Whether a work item completes without an exception.</summary>
    public async Task<bool> SucceedsAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        try
        {
            await RunAsync(work, cancellation);
            return true;
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Lets each item have the turn that it waits for, and ends those that want another.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isEnding = true;
            Monitor.Pulse(_lock);
        }
        _thread.Join();
    }

    private void Run()
    {
        while (Next() is var (party, turn))
        {
            int weight = Math.Max(1, turn.Weight());
            long started = Stopwatch.GetTimestamp();
            bool isRepeated = turn.Run();
            long ended = Stopwatch.GetTimestamp();
            _worked?.Invoke(started, ended);
            lock (_lock)
            {
                _turns.Charge(party, Stopwatch.GetElapsedTime(started, ended), weight);
                if (isRepeated && !_isEnding)
                    _turns.Add(party, turn);
            }
            if (isRepeated && _isEnding)
                turn.End();
        }
    }

    /// <returns>Null at the end.</returns>
    private (object Party, Turn Turn)? Next()
    {
        lock (_lock)
        {
            while (_turns.IsEmpty)
            {
                if (_isEnding)
                    return null;
                Monitor.Wait(_lock);
            }
            return _turns.Take();
        }
    }
}
