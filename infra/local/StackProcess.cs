using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace LLaDA.Batch.Local;

/// <summary>A process of the stack: a name, a program and its environment.</summary>
/// <param name="LockFile">Kept locked by the process for as long as it lives; null for none.</param>
internal sealed record StackProgram(
    string Name, string Program, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string> Environment, string? LockFile = null)
{
    /// <summary>How long an orderly stop may take before the process is killed.</summary>
    public TimeSpan StopTime { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The same where the stack itself was killed. Zero is right for a process that survives any death.</summary>
    public TimeSpan OrphanedLifetime { get; init; }
}

/// <summary>
/// A running process of the stack, restarted when it exits, with its output in a log file. It never outlives this process
/// (<c>end-with-parent.sh</c>).
/// </summary>
internal sealed partial class StackProcess : IAsyncDisposable
{
    private const int Terminate = 15;
    private static readonly TimeSpan s_startTime = TimeSpan.FromMinutes(2), s_pollInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_firstPause = TimeSpan.FromSeconds(1), s_longestPause = TimeSpan.FromSeconds(30);

    private readonly StackProgram _program;
    private readonly ProcessStartInfo _start;
    private readonly string _logPath;
    private readonly Action<string> _report;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;
    private int _numExits;

    /// <summary>Called when the process has been started again after an exit.</summary>
    public Action? OnRestart { get; set; }

    /// <param name="report">Receives a line at each restart.</param>
    public StackProcess(StackProgram program, string logFolder, Action<string> report)
    {
        (_program, _report, _logPath) = (program, report, Path.Combine(logFolder, $"{program.Name}.log"));
        string script = Path.Combine(AppContext.BaseDirectory, "end-with-parent.sh");
        string seconds = program.OrphanedLifetime.TotalSeconds.ToString("F0", CultureInfo.InvariantCulture);
        _start = new ProcessStartInfo("sh", [script, seconds, program.LockFile ?? "", program.Program, .. program.Arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (key, value) in program.Environment)
            _start.Environment[key] = value;
        _running = KeepRunningAsync();
    }

    /// <summary>Waits until the process answers.</summary>
    /// <param name="isReady">Asks the process; may throw while it does not listen yet.</param>
    /// <exception cref="StackException">
    /// The process exited or did not answer in time. The message ends with the last line of its log that is no part of a trace.
    /// </exception>
    public async Task WaitUntilReadyAsync(Func<Task<bool>> isReady, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(s_startTime);
        while (true)
        {
            try
            {
                if (await isReady())
                    return;
            }
            catch (Exception exception) when (exception is HttpRequestException or Azure.RequestFailedException or AggregateException)
            {
                // Not yet.
            }
            if (_running.IsFaulted)
                throw new StackException($"{_program.Name} cannot be started: {_running.Exception.GetBaseException().Message}");
            if (_numExits > 0)
                throw new StackException($"{_program.Name} does not start: {LastLogLine()}");
            try
            {
                await Task.Delay(s_pollInterval, limit.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new StackException($"{_program.Name} was not ready within {s_startTime.TotalMinutes:F0} minutes: {LastLogLine()}");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);      // WaitUntilReadyAsync reports it.
        _stopping.Dispose();
    }

    private string LastLogLine()
    {
        const string none = "its log is empty";
        try
        {
            return File.ReadLines(_logPath).Select(line => line.Trim()).LastOrDefault(IsReason) ?? none;
        }
        catch (IOException)
        {
            return none;
        }
    }

    /// <summary>Not empty, and not from the trace of an exception, which says nothing about its cause.</summary>
    private static bool IsReason(string line) =>
        line.Length > 0 && !line.StartsWith("at ", StringComparison.Ordinal) && !line.StartsWith("---", StringComparison.Ordinal);

    private async Task KeepRunningAsync()
    {
        var pause = s_firstPause;
        while (!_stopping.IsCancellationRequested)
        {
            long started = Stopwatch.GetTimestamp();
            int exitCode = await RunOnceAsync();
            if (_stopping.IsCancellationRequested)
                return;
            _numExits++;
            pause = Stopwatch.GetElapsedTime(started) > s_longestPause ? s_firstPause : pause;
            try
            {
                await Task.Delay(pause, _stopping.Token);
            }
            catch (OperationCanceledException)
            {
                return;     // Ctrl-C reached the process first.
            }
            _report($"{_program.Name} stopped with exit code {exitCode}; starting it again (log: {_logPath})");
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, s_longestPause.Ticks));
        }
    }

    private async Task<int> RunOnceAsync()
    {
        await using var log = new StreamWriter(_logPath, append: true) { AutoFlush = true };
        using var process = Process.Start(_start)!;
        if (_numExits > 0)
            OnRestart?.Invoke();
        int id = process.Id;
        await using var stop = _stopping.Token.Register(() => _ = Kill(id, Terminate));
        var ended = Task.WhenAll(CopyAsync(process.StandardOutput, log), CopyAsync(process.StandardError, log), process.WaitForExitAsync());
        if (await Task.WhenAny(ended, StopTimeAsync()) != ended)
            process.Kill();
        await ended;
        await ReleaseWatcherAsync(process);
        return process.ExitCode;
    }

    /// <summary>Ends the watcher of end-with-parent.sh, which would otherwise kill the number of a process that has ended.</summary>
    private static async Task ReleaseWatcherAsync(Process process)
    {
        try
        {
            await process.StandardInput.WriteLineAsync();
            await process.StandardInput.FlushAsync();
        }
        catch (IOException)
        {
            // The watcher has ended as well.
        }
    }

    /// <summary>Completes when the process has had its time to stop.</summary>
    private async Task StopTimeAsync()
    {
        await Task.Delay(Timeout.Infinite, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Delay(_program.StopTime, CancellationToken.None);
    }

    private static async Task CopyAsync(StreamReader from, StreamWriter to)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            lock (to)
                to.WriteLine(line);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int processId, int signal);
}
