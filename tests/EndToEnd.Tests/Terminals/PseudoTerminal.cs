using System.Diagnostics;
using System.Text;

namespace LLaDA.Batch.EndToEnd.Tests.Terminals;

/// <summary>A program on a terminal of its own, made by <c>script</c> of util-linux, and what a person sees there.</summary>
internal sealed class PseudoTerminal : IDisposable
{
    public const int Width = 80, Height = 24;

    /// <summary>What the terminal turns into SIGINT.</summary>
    public const string CtrlC = "\x03";

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    private readonly Process _script;
    private readonly Task _reading;
    private readonly Lock _lock = new();
    private readonly List<(string Text, TaskCompletionSource Reached)> _awaited = [];
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <param name="environment">Variables beside those of this process; null removes one.</param>
    public PseudoTerminal(string folder, IReadOnlyDictionary<string, string?> environment, params string[] command)
    {
        // A test that runs in a shell's background ignores SIGINT; env restores it.
        string quoted = string.Join(' ', command.Select(word => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
        string line = $"stty cols {Width} rows {Height}; exec env --default-signal=INT {quoted}";
        var start = new ProcessStartInfo("script", ["--quiet", "--return", "--flush", "--command", line, "/dev/null"])
        {
            WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true,
            Environment = { ["TERM"] = "xterm-256color" },
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        _script = Process.Start(start)!;
        _reading = ReadAsync();
    }

    public EmulatedTerminal Terminal { get; } = new(Width, Height);

    /// <summary>All that the program has written, with the time since its start.</summary>
    public List<(TimeSpan At, string Text)> Written { get; } = [];

    /// <summary>Waits until the terminal shows a text.</summary>
    public async Task ShowsAsync(string text)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (Terminal.Text.Contains(text, StringComparison.Ordinal))
                return;
            _awaited.Add((text, reached));
        }
        Assert.True(await Task.WhenAny(reached.Task, _reading).WaitAsync(s_limit) == reached.Task, $"It ended with\n{Terminal.Text}");
    }

    public async Task TypeAsync(string keys)
    {
        await _script.StandardInput.WriteAsync(keys);
        await _script.StandardInput.FlushAsync();
    }

    /// <returns>The exit code of the program.</returns>
    public async Task<int> EndAsync()
    {
        await _reading.WaitAsync(s_limit);
        await _script.WaitForExitAsync().WaitAsync(s_limit);
        return _script.ExitCode;
    }

    public void Dispose()
    {
        if (!_script.HasExited)
            _script.Kill(entireProcessTree: true);
        _script.Dispose();
    }

    private async Task ReadAsync()
    {
        using var reader = new StreamReader(_script.StandardOutput.BaseStream, new UTF8Encoding(false));
        char[] buffer = new char[4096];
        while (await reader.ReadAsync(buffer) is > 0 and int count)
        {
            lock (_lock)
            {
                string text = new(buffer, 0, count);
                Written.Add((Stopwatch.GetElapsedTime(_started), text));
                Terminal.Write(text);
                foreach (var awaited in _awaited.Where(awaited => Terminal.Text.Contains(awaited.Text, StringComparison.Ordinal)))
                    awaited.Reached.TrySetResult();
            }
        }
    }
}
