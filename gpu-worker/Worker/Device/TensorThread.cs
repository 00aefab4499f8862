using System.Collections.Concurrent;
using System.Diagnostics;

namespace LLaDA.Batch.Worker.Device;

/// <summary>
/// The one thread that touches tensors. Dispose scopes, gradient modes and the device's stream belong to a thread, so everything below runs here without
/// awaiting, and everything above is asynchronous.
/// </summary>
public sealed class TensorThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Action<long, long>? _worked;
    private readonly Thread _thread;

    /// <param name="worked">Told the timestamps between which each piece of work ran; it holds up the next.</param>
    public TensorThread(Action<long, long>? worked = null)
    {
        _worked = worked;
        _thread = new Thread(Run) { IsBackground = true, Name = "tensors" };
        _thread.Start();
    }

    /// <summary>Runs a piece of work when its turn comes; pieces run in the order of the calls.</summary>
    /// <param name="cancellation">Work that has not started is dropped.</param>
    public Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            if (cancellation.IsCancellationRequested)
            {
                completion.SetCanceled(cancellation);
                return;
            }
            try
            {
                completion.SetResult(work());
            }
            catch (OperationCanceledException exception)
            {
                completion.SetCanceled(exception.CancellationToken);
            }
            catch (Exception exception)
            {
                completion.SetException(exception);
            }
        }, CancellationToken.None);
        return completion.Task;
    }

    /// <summary>Whether a piece of work comes to its end.</summary>
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

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    private void Run()
    {
        foreach (var work in _work.GetConsumingEnumerable())
        {
            long started = Stopwatch.GetTimestamp();
            work();
            _worked?.Invoke(started, Stopwatch.GetTimestamp());
        }
    }
}
