using System.Runtime.InteropServices;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Infra.Tests.Local;

/// <summary>The program of infra/local where it cannot start: one sentence with the way out, and exit code 1.</summary>
public sealed class LocalProgramTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("llada-local-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // HOME as a file or /dev/null: https://github.com/MagicStack/asyncpg/pull/1063
    [Theory]
    [InlineData("/proc")]
    [InlineData("/dev/null")]
    [InlineData("FILE")]
    public async Task A_home_that_cannot_be_written_is_named_with_the_way_out(string home)
    {
        string path = home == "FILE" ? await FileAsync() : home;

        var finished = await RunAsync([], ("HOME", path), ("XDG_DATA_HOME", ""));

        Assert.Equal(1, finished.Code);
        string sentence = Assert.Single(finished.Error);
        Assert.StartsWith(path, sentence, StringComparison.Ordinal);
        Assert.Contains("set XDG_DATA_HOME", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/proc/llada")]
    [InlineData("/sys")]
    [InlineData("FILE")]
    public async Task A_data_folder_that_cannot_be_written_is_named_with_the_way_out(string folder)
    {
        string path = folder == "FILE" ? await FileAsync() : folder;

        var finished = await RunAsync(["up", "--data", path]);

        Assert.Equal(1, finished.Code);
        Assert.StartsWith($"{path} cannot be written", finished.Error[^1], StringComparison.Ordinal);
        Assert.EndsWith("choose another folder with --data", finished.Error[^1], StringComparison.Ordinal);
        Assert.DoesNotContain(finished.Error, line => line.Contains("   at ", StringComparison.Ordinal));
    }

    // An old Node fails with a syntax error inside Azurite: https://github.com/ClickHouse/ClickHouse/pull/63354
    [Theory]
    [InlineData("v16.1.0", "Node.js v16.1.0 is too old")]
    [InlineData("v0.12.7", "Node.js v0.12.7 is too old")]
    [InlineData("N/A: version is not yet installed", "instead of a version")]
    public async Task An_old_Node_is_refused_before_Azurite_starts(string version, string reason)
    {
        string node = Path.Combine(_folder, "node");
        await File.WriteAllTextAsync(node, $"#!/bin/sh\necho '{version}'\n");
        File.SetUnixFileMode(node, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        var finished = await RunAsync(["up", "--data", Path.Combine(_folder, "data"), "--port", "0"], ("PATH", _folder));

        Assert.Equal(1, finished.Code);
        Assert.Contains(reason, finished.Error[^1], StringComparison.Ordinal);
        Assert.Contains("install Node.js 20 or later", finished.Error[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("v20.0.0\n")]
    [InlineData("v24.3.1")]
    [InlineData("Using the version of .nvmrc\nv22.1.0\n")]
    public void A_recent_Node_passes(string output) => NodeVersion.Require(output);

    // Errors behind a long help scroll away: https://github.com/SUSE/machinery/issues/901,
    // https://github.com/dotnet/command-line-api/issues/1214
    [Theory]
    [InlineData("--prot", "up", "--prot")]
    [InlineData("ready", "up", "ready")]
    [InlineData("--port", "up", "--port", "many")]
    public async Task A_wrong_command_line_ends_with_its_error(string wrong, params string[] arguments)
    {
        var finished = await RunAsync(arguments);

        Assert.Equal((2, ""), (finished.Code, finished.Output));
        Assert.Contains($"'{wrong}'", finished.Error[^1], StringComparison.Ordinal);
        Assert.InRange(finished.Error.Length, 1, 5);
    }

    private async Task<string> FileAsync()
    {
        string path = Path.Combine(_folder, "file");
        await File.WriteAllTextAsync(path, "not a folder");
        return path;
    }

    private static Task<Finished> RunAsync(string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = Built.Start("LLaDA.Batch.Local", "LLaDA.Batch.Local", arguments, environment);
        start.FileName = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        return Built.RunAsync(start);
    }
}
