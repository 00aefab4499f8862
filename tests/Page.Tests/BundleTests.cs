using System.Diagnostics;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Page.Tests;

/// <summary>The files that the functions serve are made of the sources beside them.</summary>
public sealed class BundleTests
{
    private const long NeededBytes = 300L << 20;

    private static readonly string s_web = Path.Combine(Repository.Root, "functions", "web");

    [Fact]
    public async Task The_sources_pass_the_type_checker_and_make_the_checked_in_files()
    {
        string modules = Path.Combine(
            await NpmPackage.EnsureAsync("page", s_web, NeededBytes, Console.Error.WriteLine, CancellationToken.None), "node_modules");
        string work = Directory.CreateTempSubdirectory("llada-bundle-").FullName;
        try
        {
            foreach (string file in Directory.GetFiles(s_web).Append("src"))
                await RunAsync("cp", ["-r", Path.Combine(s_web, file), work], work);
            Directory.CreateSymbolicLink(Path.Combine(work, "node_modules"), modules);

            await RunAsync("node", [Path.Combine(modules, "typescript", "bin", "tsc"), "--noEmit"], work);
            await RunAsync("node", ["build.mjs", Path.Combine(work, "made")], work);

            Assert.Equal(
                Contents(Path.Combine(Repository.Root, "functions", "Page", "assets")), Contents(Path.Combine(work, "made")));
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    private static Dictionary<string, string> Contents(string folder) =>
        Directory.GetFiles(folder).ToDictionary(file => Path.GetFileName(file)!, File.ReadAllText, StringComparer.Ordinal);

    private static async Task RunAsync(string program, string[] arguments, string folder)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await output + errors);
    }
}
