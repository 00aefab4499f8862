using System.Diagnostics;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Infra.Tests.Local;

/// <summary>end-with-parent.sh: a program ends when the process that started it does, however it ends.</summary>
/// <remarks>
/// Children that outlive a killed parent keep ports and data: https://github.com/vercel-labs/portless/pull/255,
/// https://github.com/openclaw/openclaw/pull/97767, https://github.com/googleapis/google-cloud-datastore/issues/87
/// </remarks>
public sealed class EndWithParentTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-parent-").FullName;

    private string Lock => Path.Combine(_folder, "lock");

    private string Saved => Path.Combine(_folder, "saved");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(0, false)]
    [InlineData(4, true)]
    public async Task A_program_whose_parent_is_gone_saves_where_it_has_the_time_and_ends(int seconds, bool isSaved)
    {
        using var process = Start(seconds, "", $"trap '' TERM; echo up; sleep 2; touch {Saved}; while :; do sleep 0.1; done");
        await process.StandardOutput.ReadLineAsync().WaitAsync(s_limit);

        process.StandardInput.Close();      // A parent that dies closes it.
        await process.WaitForExitAsync().WaitAsync(s_limit);

        Assert.Equal((137, isSaved), (process.ExitCode, File.Exists(Saved)));
    }

    [Fact]
    public async Task Its_lock_is_held_until_it_ends_and_keeps_a_second_one_out()
    {
        using var process = Start(0, Lock, "echo up; exec sleep 600");
        await process.StandardOutput.ReadLineAsync().WaitAsync(s_limit);
        Assert.Null(FileLock.TryAcquire(Lock));
        using (var second = Start(0, Lock, "echo up"))
        {
            Assert.Equal("", await second.StandardOutput.ReadToEndAsync().WaitAsync(s_limit));
            Assert.Contains("is locked by another process", await second.StandardError.ReadToEndAsync(), StringComparison.Ordinal);
        }

        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(s_limit);

        using var limit = new CancellationTokenSource(s_limit);
        using var free = await FileLock.AcquireAsync(Lock, limit.Token);
    }

    [Fact]
    public async Task Arguments_signals_and_the_exit_code_are_those_of_the_program()
    {
        using var process = Start(0, "", "echo \"$1\"; exit 3", "two words");

        Assert.Equal("two words\n", await process.StandardOutput.ReadToEndAsync().WaitAsync(s_limit));
        await process.WaitForExitAsync().WaitAsync(s_limit);
        Assert.Equal(3, process.ExitCode);
    }

    private static Process Start(int seconds, string lockFile, string script, params string[] arguments)
    {
        string wrapper = Path.Combine(Built.Folder("LLaDA.Batch.Local"), "end-with-parent.sh");
        return Process.Start(new ProcessStartInfo("sh", [wrapper, $"{seconds}", lockFile, "sh", "-c", script, "sh", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }
}
