using System.Diagnostics;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Page.Tests;

/// <summary>The browser: the machine's own Chromium or Chrome, or else one that npm brings.</summary>
internal static class Chromium
{
    private const long NeededBytes = 500L << 20;

    private static readonly string[] s_names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    public static async Task<string> FindAsync() => OfMachine() ?? await OfNpmAsync();

    private static string? OfMachine() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(folder => s_names.Select(name => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);

    private static async Task<string> OfNpmAsync()
    {
        string source = Path.Combine(AppContext.BaseDirectory, "chromium");
        string folder = await NpmPackage.EnsureAsync("chromium", source, NeededBytes, Console.Error.WriteLine, CancellationToken.None);
        string entry = Path.Combine(folder, "node_modules", "@sparticuz", "chromium", "build", "esm", "index.js");
        // It unpacks its program into the temporary folder and names it.
        string script = $"import('{entry}').then(async m => console.log(await m.default.executablePath()))";
        using var node = Process.Start(new ProcessStartInfo("node", ["-e", script]) { RedirectStandardOutput = true })!;
        string path = (await node.StandardOutput.ReadToEndAsync()).Trim();
        await node.WaitForExitAsync();
        return File.Exists(path) ? path : throw new StackException($"npm's Chromium has no program at '{path}'");
    }
}
