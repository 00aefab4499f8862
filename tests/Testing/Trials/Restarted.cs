using LLaDA.Batch.Shared;

namespace LLaDA.Batch.Testing;

/// <summary>
/// Functions whose first process meets a fault. A new process replaces one that was killed, stalled or told to stop; the time is
/// the trial's.
/// </summary>
internal sealed class RestartedFunctions(string connectionString, TrialOptions options, TimeProvider time) : IAsyncDisposable
{
    private readonly List<FunctionsProcess> _processes = [];
    private readonly List<Task> _stalled = [];
    private FunctionsProcess? _process, _other;

    public FaultyTransport FirstTransport { get; } = new(options.Fault, options.AtCall);

    /// <summary>A process that meets no fault.</summary>
    public FunctionsProcess Other => _other ??= New(new FaultyTransport(Testing.Fault.None, 0));

    /// <summary>For messages.</summary>
    public string Fault => $"after {options} hit {FirstTransport.Hit}";

    /// <summary>What was under way when the fault happened; null when it did not.</summary>
    public string? HitIn { get; private set; }

    /// <summary>Runs a piece of work.</summary>
    /// <param name="what">Names it.</param>
    /// <returns>Whether it was done, as far as its caller knows.</returns>
    public async Task<bool> TryAsync(string what, Func<FunctionsProcess, Task> work)
    {
        var process = _process ??= New(FirstTransport);
        try
        {
            var running = work(process);
            if (await Task.WhenAny(running, process.Transport.Stalled) != running && process.Transport.IsStalled)
            {
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
        finally
        {
            HitIn ??= FirstTransport.IsHit ? what : null;
            if (process.Transport.IsGone && _process == process)
                _process = New(new FaultyTransport(Testing.Fault.None, 0));
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

    private FunctionsProcess New(FaultyTransport transport)
    {
        var process = new FunctionsProcess(connectionString, transport, options.IsRetried, time);
        _processes.Add(process);
        return process;
    }

    private static bool IsExpected(Exception failure) => failure is Azure.RequestFailedException
        or OperationCanceledException or AggregateException or KilledException or TryAgainException;
}
