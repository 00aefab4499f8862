using System.Collections.Concurrent;
using System.Diagnostics;

namespace LLaDA.Batch.Worker.Device;

/// <summary>
/// The only thread that touches tensors. Dispose scopes, gradient modes and the device's stream belong to a thread, so all code below
/// runs here without awaiting, and all code above is asynchronous.
/// </summary>
internal sealed class TensorThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Action<long, long>? _worked;
    private readonly Thread _thread;

    /// <param name="worked">Called on the thread with the timestamps at which each work item started and ended.</param>
    public TensorThread(Action<long, long>? worked = null)
    {
        _worked = worked;
        _thread = new Thread(Run) { IsBackground = true, Name = "tensors" };
        _thread.Start();
    }

    /// <summary>Queues a work item; items run in the order of the calls.</summary>
    /// <param name="cancellation">Drops the item if it has not started.</param>
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
