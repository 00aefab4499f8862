using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;

namespace LLaDA.Batch.Local;

/// <summary>Installs Azurite through npm, once for a machine: in a folder named after the lock file, outside any clone.</summary>
public static class NpmPackage
{
    private const long NeededBytes = 500L << 20;
    private static readonly TimeSpan s_installTime = TimeSpan.FromMinutes(10);

    /// <summary>The script that starts Azurite; installs it when it is missing. Several processes may call this at once.</summary>
    /// <exception cref="StackException">Node or npm is missing, the disk is full, or the installation fails.</exception>
    public static async Task<string> EnsureAzuriteAsync(Action<string> say, CancellationToken cancellation)
    {
        string source = Path.Combine(AppContext.BaseDirectory, "azurite");
        string version = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(source, "package-lock.json"), cancellation)))[..12];
        string folder = Path.Combine(Folders.Cache, $"azurite-{version}");
        string script = Path.Combine(folder, "node_modules", "azurite", "dist", "src", "azurite.js");
        await RunAsync("node", ["--version"], folder: null, TimeSpan.FromSeconds(30), "Node.js is needed to run Azurite: install Node 20 or later and put it on the PATH", cancellation);
        if (File.Exists(script))
            return script;

        using var turn = await FileLock.AcquireAsync(folder + ".lock", cancellation);
        if (File.Exists(script))
            return script;
        Folders.RequireFreeSpace(Folders.Cache, NeededBytes);
        say("Installing Azurite through npm (once on this machine)");
        string partial = folder + ".partial";
        if (Directory.Exists(partial))
            Directory.Delete(partial, recursive: true);
        Directory.CreateDirectory(partial);
        foreach (string file in Directory.GetFiles(source))
            File.Copy(file, Path.Combine(partial, Path.GetFileName(file)));
        await RunAsync("npm", ["ci", "--ignore-scripts", "--no-fund", "--no-audit"], partial, s_installTime, "npm is needed to install Azurite: it comes with Node.js", cancellation);
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.Move(partial, folder);
        return script;
    }

    private static async Task RunAsync(string program, string[] arguments, string? folder, TimeSpan timeout, string whenMissing, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder ?? "" };
        using var process = Start(start, whenMissing);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            string errors = await process.StandardError.ReadToEndAsync(limit.Token);
            await output;
            await process.WaitForExitAsync(limit.Token);
            if (process.ExitCode != 0)
                throw new StackException($"'{program} {string.Join(' ', arguments)}' failed: {LastLine(errors)}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellation.ThrowIfCancellationRequested();
            throw new StackException($"'{program} {string.Join(' ', arguments)}' did not end within {timeout.TotalMinutes:F0} minutes");
        }
    }

    private static Process Start(ProcessStartInfo start, string whenMissing)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            throw new StackException(whenMissing);
        }
    }

    private static string LastLine(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is [.., var last] ? last : "no reason was given";
}
