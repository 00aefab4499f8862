using System.Diagnostics;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>Result of a program.</summary>
/// <param name="Error">Lines of the error stream that are not blank.</param>
internal sealed record Finished(int Code, string Output, string[] Error);

/// <summary>Runs built programs as processes of their own.</summary>
internal static class Built
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    /// <summary>The output folder of a project, in the configuration of this build.</summary>
    public static string Folder(string project) =>
        Path.Combine(Repository.Root, "artifacts", "bin", project, new DirectoryInfo(AppContext.BaseDirectory).Name);

    /// <param name="environment">Set beside the inherited variables.</param>
    public static ProcessStartInfo Start(
        string project, string assembly, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(Folder(project), assembly + ".dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return start;
    }

    public static async Task<Finished> RunAsync(ProcessStartInfo start)
    {
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(s_limit);
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        string errors = await process.StandardError.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return new Finished(process.ExitCode, await output, errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
