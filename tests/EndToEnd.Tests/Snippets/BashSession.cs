using System.Diagnostics;
using System.Text;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>
/// One bash that runs the blocks of a page in their order. Variables and functions of a block hold in those behind it,
/// and the first failure ends it.
/// </summary>
internal sealed class BashSession : IDisposable
{
    private const string EndOfBlock = "-- end of block --";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(4);

    private readonly Process _bash;
    private readonly string _script;

    /// <param name="folder">Where the commands run.</param>
    /// <param name="programs">A folder that is searched before the PATH.</param>
    public BashSession(string folder, string programs, string address)
    {
        var start = new ProcessStartInfo("bash", ["--noprofile", "--norc"])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["PATH"] = $"{programs}:{Environment.GetEnvironmentVariable("PATH")}", ["ADDRESS"] = address },
        };
        _script = Path.Combine(folder, ".block.sh");
        _bash = Process.Start(start)!;
        _bash.StandardInput.WriteLine("set -eu -o pipefail; exec 2>&1");
    }

    /// <returns>What the block prints.</returns>
    public async Task<string> RunAsync(CodeBlock block)
    {
        // A file of its own: a command that reads the standard input must not read the blocks behind it.
        await File.WriteAllTextAsync(_script, block.Text + "\n");
        await _bash.StandardInput.WriteLineAsync($". '{_script}' < /dev/null; printf '\\n%s\\n' '{EndOfBlock}'");
        await _bash.StandardInput.FlushAsync();

        using var limit = new CancellationTokenSource(s_limit);
        var output = new StringBuilder();
        while (await _bash.StandardOutput.ReadLineAsync(limit.Token) is { } line)
        {
            if (line == EndOfBlock)
                return output.ToString().Trim();
            output.AppendLine(line);
        }
        throw new InvalidOperationException($"The block of line {block.Line} failed:\n{block.Text}\n---\n{output}");
    }

    public void Dispose()
    {
        _bash.Kill(entireProcessTree: true);
        _bash.WaitForExit();
        _bash.Dispose();
    }
}
