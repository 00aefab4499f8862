using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;

namespace LLaDA.Batch.Local;

/// <summary>A package that npm installs once for this machine, in a folder named after the hash of its lock file.</summary>
/// <param name="Name">For messages and for the folder.</param>
/// <param name="Source">Folder of <c>package.json</c> and <c>package-lock.json</c>.</param>
/// <param name="Entry">A file of the installed package, relative to <c>node_modules</c>.</param>
/// <param name="NeededBytes">Space on the disk that the installation takes.</param>
public sealed record NpmPackage(string Name, string Source, string Entry, long NeededBytes)
{
    private static readonly TimeSpan s_installTime = TimeSpan.FromMinutes(10), s_versionTime = TimeSpan.FromSeconds(30);

    /// <summary>The emulator of Azure Storage.</summary>
    public static NpmPackage Azurite { get; } = new(
        "Azurite", Path.Combine(AppContext.BaseDirectory, "azurite"), Path.Combine("azurite", "dist", "src", "azurite.js"), 500L << 20);

    /// <summary>Installs the package where it is missing. Several processes may call this at once.</summary>
    /// <param name="report">Receives a line before an installation.</param>
    /// <returns>Path of <see cref="Entry"/>.</returns>
    /// <exception cref="StackException">Node or npm is missing or too old, the disk is full, or the installation fails.</exception>
    public async Task<string> EnsureAsync(Action<string> report, CancellationToken cancellation)
    {
        NodeVersion.Require(await RunAsync("node", ["--version"], folder: null, s_versionTime, NodeVersion.WhenMissing, cancellation));
        string cache = Folders.Cache();
        byte[] lockFile = await File.ReadAllBytesAsync(Path.Combine(Source, "package-lock.json"), cancellation);
        string folder = Path.Combine(
            cache, $"{Name.ToLowerInvariant()}-{Convert.ToHexStringLower(SHA256.HashData(lockFile))[..12]}");
        string entry = Path.Combine(folder, "node_modules", Entry);
        if (File.Exists(entry))
            return entry;

        using var turn = await FileLock.AcquireAsync(folder + ".lock", cancellation);
        if (File.Exists(entry))
            return entry;
        Folders.RequireFreeSpace(cache, NeededBytes);
        report($"Installing {Name} through npm, once on this machine");
        string partial = folder + ".partial";
        if (Directory.Exists(partial))
            Directory.Delete(partial, recursive: true);
        Directory.CreateDirectory(partial);
        foreach (string file in Directory.GetFiles(Source))
            File.Copy(file, Path.Combine(partial, Path.GetFileName(file)));
        await RunAsync(
            "npm", ["ci", "--ignore-scripts", "--no-fund", "--no-audit"], partial, s_installTime,
            $"npm is needed to install {Name}: it is part of Node.js", cancellation);
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.Move(partial, folder);
        return entry;
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
