using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LLaDA.Batch.Local;

/// <summary>A process of the stack. When it dies it is started again, with a word about it; its output goes to a log file.</summary>
internal sealed partial class StackProcess : IAsyncDisposable
{
    private const int Terminate = 15;
    private static readonly TimeSpan s_startTime = TimeSpan.FromMinutes(2), s_askAgain = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_defaultStopTime = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_firstPause = TimeSpan.FromSeconds(1), s_longestPause = TimeSpan.FromSeconds(30);

    private readonly ProcessStartInfo _start;
    private readonly string _logPath;
    private readonly Action<string> _say;
    private readonly TimeSpan _stopTime;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;

    /// <param name="say">Where the word about a restart goes.</param>
    /// <param name="stopTime">How long it may take to end in order; then it is killed.</param>
    public StackProcess(
        string name, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string logFolder, Action<string> say, TimeSpan? stopTime = null)
    {
        _stopTime = stopTime ?? s_defaultStopTime;
        (Name, _say, _logPath) = (name, say, Path.Combine(logFolder, $"{name}.log"));
        _start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (key, value) in environment)
            _start.Environment[key] = value;
        _running = KeepRunningAsync();
    }

    public string Name { get; }

    /// <summary>How often it has died.</summary>
    public int Deaths { get; private set; }

    /// <summary>Waits until the process answers.</summary>
    /// <param name="isReady">Asks it; may throw as long as nobody listens.</param>
    /// <exception cref="StackException">It died, or did not answer in time; the message has its last words.</exception>
    public async Task WaitAsync(Func<Task<bool>> isReady, CancellationToken cancellation)
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
                throw new StackException($"{Name} cannot be started: {_running.Exception.GetBaseException().Message}");
            if (Deaths > 0)
                throw new StackException($"{Name} does not start: {LastWords()}");
            try
            {
                await Task.Delay(s_askAgain, limit.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new StackException($"{Name} was not ready within {s_startTime.TotalMinutes:F0} minutes: {LastWords()}");
            }
        }
    }

    private string LastWords()
    {
        try
        {
            return File.ReadLines(_logPath).LastOrDefault(line => line.Trim().Length > 0)?.Trim() ?? "it said nothing";
        }
        catch (IOException)
        {
            return "it said nothing";
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);      // WaitAsync tells
        _stopping.Dispose();
    }

    private async Task KeepRunningAsync()
    {
        var pause = s_firstPause;
        while (!_stopping.IsCancellationRequested)
        {
            long started = Stopwatch.GetTimestamp();
            int exitCode = await RunOnceAsync();
            if (_stopping.IsCancellationRequested)
                return;
            Deaths++;
            pause = Stopwatch.GetElapsedTime(started) > s_longestPause ? s_firstPause : pause;
            try
            {
                await Task.Delay(pause, _stopping.Token);
            }
            catch (OperationCanceledException)
            {
                return;     // Ctrl-C reached the process before it reached us
            }
            _say($"{Name} stopped with exit code {exitCode}; starting it again (log: {_logPath})");
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, s_longestPause.Ticks));
        }
    }

    private async Task<int> RunOnceAsync()
    {
        await using var log = new StreamWriter(_logPath, append: true) { AutoFlush = true };
        using var process = Process.Start(_start)!;
        int id = process.Id;
        await using var stop = _stopping.Token.Register(() => _ = Kill(id, Terminate));
        var ended = Task.WhenAll(CopyAsync(process.StandardOutput, log), CopyAsync(process.StandardError, log), process.WaitForExitAsync());
        if (await Task.WhenAny(ended, StopTimeAsync()) != ended)
            process.Kill(entireProcessTree: true);
        await ended;
        return process.ExitCode;
    }

    /// <summary>Ends when the process has had its time to stop.</summary>
    private async Task StopTimeAsync()
    {
        await Task.Delay(Timeout.Infinite, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Delay(_stopTime, CancellationToken.None);
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
