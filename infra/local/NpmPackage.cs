using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;

namespace LLaDA.Batch.Local;

/// <summary>Installs packages through npm once for this machine, in a folder named after the hash of the lock file.</summary>
public static class NpmPackage
{
    private const long AzuriteBytes = 500L << 20;
    private static readonly TimeSpan s_installTime = TimeSpan.FromMinutes(10), s_versionTime = TimeSpan.FromSeconds(30);

    /// <summary>Installs Azurite where it is missing. Several processes may call this at once.</summary>
    /// <param name="report">Receives a line before an installation.</param>
    /// <returns>Path of the script that starts Azurite.</returns>
    /// <exception cref="StackException">Node or npm is missing or too old, the disk is full, or the installation fails.</exception>
    public static async Task<string> EnsureAzuriteAsync(Action<string> report, CancellationToken cancellation)
    {
        NodeVersion.Require(await RunAsync("node", ["--version"], folder: null, s_versionTime, NodeVersion.WhenMissing, cancellation));
        string source = Path.Combine(AppContext.BaseDirectory, "azurite");
        string folder = await EnsureAsync("azurite", source, AzuriteBytes, report, cancellation);
        return Path.Combine(folder, "node_modules", "azurite", "dist", "src", "azurite.js");
    }

    /// <summary>Installs what a package.json names where it is missing. Several processes may call this at once.</summary>
    /// <param name="name">The name of what is installed, which is lowercase.</param>
    /// <param name="source">A folder with package.json, package-lock.json, and files that are copied beside the installed packages.</param>
    /// <param name="neededBytes">Free space that the installation needs.</param>
    /// <returns>The folder that has <c>node_modules</c>.</returns>
    /// <exception cref="StackException">As for Azurite.</exception>
    public static async Task<string> EnsureAsync(
        string name, string source, long neededBytes, Action<string> report, CancellationToken cancellation)
    {
        string cache = Folders.Cache();
        byte[] lockFile = await File.ReadAllBytesAsync(Path.Combine(source, "package-lock.json"), cancellation);
        string folder = Path.Combine(cache, $"{name}-{Convert.ToHexStringLower(SHA256.HashData(lockFile))[..12]}");
        if (Directory.Exists(folder))
            return folder;

        using var turn = await FileLock.AcquireAsync(folder + ".lock", cancellation);
        if (Directory.Exists(folder))
            return folder;
        Folders.RequireFreeSpace(cache, neededBytes);
        report($"Installing {name} through npm, once on this machine");
        string partial = folder + ".partial";
        if (Directory.Exists(partial))
            Directory.Delete(partial, recursive: true);
        Directory.CreateDirectory(partial);
        foreach (string file in Directory.GetFiles(source))
            File.Copy(file, Path.Combine(partial, Path.GetFileName(file)));
        await RunAsync(
            "npm", ["ci", "--ignore-scripts", "--no-fund", "--no-audit"], partial, s_installTime,
            $"npm is needed to install {name}: it is part of Node.js", cancellation);
        Directory.Move(partial, folder);
        return folder;
    }

    /// <returns>The standard output.</returns>
    private static async Task<string> RunAsync(
        string program, string[] arguments, string? folder, TimeSpan timeout, string whenMissing, CancellationToken cancellation)
    {
        string command = $"{program} {string.Join(' ', arguments)}";
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? "",
        };
        using var process = Start(start, whenMissing);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            string errors = await process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode == 0 ? await output : throw new StackException($"'{command}' failed: {LastLine(errors)}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellation.ThrowIfCancellationRequested();
            throw new StackException($"'{command}' did not end within {timeout.TotalMinutes:0.#} minutes");
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

    private static string LastLine(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "no reason was given";
}
