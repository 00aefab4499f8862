using LLaDA.Batch.Shared;

namespace LLaDA.Batch.Testing;

/// <summary>
/// Processes of which the first meets a fault. A new one replaces a process that was killed, stalled or told to stop.
/// </summary>
/// <param name="start">Starts a process over a connection to storage.</param>
internal sealed class Restarted<TProcess>(TrialOptions options, Func<FaultyTransport, TProcess> start) : IAsyncDisposable
    where TProcess : class, ITrialProcess
{
    private readonly Lock _lock = new();
    private readonly List<TProcess> _processes = [];
    private readonly List<Task> _stalled = [];
    private TProcess? _process, _other;

    public FaultyTransport FirstTransport { get; } = new(options.Fault, options.AtCall);

    /// <summary>The process that does the work now.</summary>
    public TProcess Current
    {
        get
        {
            lock (_lock)
                return _process ??= New(FirstTransport);
        }
    }

    /// <summary>A process that meets no fault.</summary>
    public TProcess Other
    {
        get
        {
            lock (_lock)
                return _other ??= New(new FaultyTransport(Testing.Fault.None, 0));
        }
    }

    /// <summary>For messages.</summary>
    public string Fault => $"after {options} hit {FirstTransport.Hit}";

    /// <summary>What was under way when the fault happened; null when it did not.</summary>
    public string? HitIn { get; private set; }

    /// <summary>Whether work is stalled because a process is.</summary>
    public bool HasStalled => _stalled.Count > 0;

    /// <summary>Has the process that does the work now do a piece of it.</summary>
    /// <inheritdoc cref="TryAsync(string, TProcess, Func{TProcess, Task})"/>
    public Task<bool> TryAsync(string what, Func<TProcess, Task> work) => TryAsync(what, Current, work);

    /// <summary>Has a process do a piece of work. Pieces may run at once.</summary>
    /// <param name="what">Names the work.</param>
    /// <returns>Whether it was done, as far as its caller knows.</returns>
    /// <exception cref="TrialException">Something was missing that the work relies on.</exception>
    public async Task<bool> TryAsync(string what, TProcess process, Func<TProcess, Task> work)
    {
        try
        {
            var running = work(process);
            if (await Task.WhenAny(running, process.Transport.Stalled) != running && process.Transport.IsStalled)
            {
                lock (_lock)
                    _stalled.Add(running);
                return false;
            }
            await running;
            return !process.Transport.IsDead;
        }
        catch (Exception failure) when (IsExpected(failure))
        {
            return false;
        }
        catch (NullReferenceException defect)
        {
            throw new TrialException(defect.ToString());
        }
        finally
        {
            lock (_lock)
            {
                HitIn ??= FirstTransport.IsHit ? what : null;
                if (process.Transport.IsGone && _process == process)
                    _process = New(new FaultyTransport(Testing.Fault.None, 0));
            }
        }
    }

    /// <summary>Resumes a stalled process and waits until its work ends.</summary>
    public async Task WakeAsync()
    {
        FirstTransport.Wake();
        foreach (var work in _stalled)
        {
            try
            {
                await work;
            }
            catch (Exception failure) when (IsExpected(failure))
            {
                // Its work is another's by now.
            }
        }
        _stalled.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
            await process.DisposeAsync();
    }

    private TProcess New(FaultyTransport transport)
    {
        var process = start(transport);
        _processes.Add(process);
        return process;
    }

    private static bool IsExpected(Exception failure) => failure is Azure.RequestFailedException
        or OperationCanceledException or AggregateException or KilledException or TryAgainException;
}
