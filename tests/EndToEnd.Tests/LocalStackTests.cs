using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.EndToEnd.Tests;

public sealed partial class LocalStackTests(StackFixture fixture) : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2), s_interval = TimeSpan.FromMilliseconds(100);

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-stack-").FullName;

    [Fact]
    public async Task Started_again_on_the_same_folder_it_finds_everything()
    {
        string key, file;
        string batch;
        await using (var stack = await StartAsync())
        {
            using var client = stack.CreateClient();
            key = stack.ApiKey;
            string model = await Batches.ModelAsync(client);
            file = await Batches.UploadAsync(client, "{}");
            batch = (await Batches.RunAsync(client, "/v1/infill", Line(model))).ToJsonString();
        }

        await using var again = await StartAsync();
        using var next = again.CreateClient();

        Assert.Equal(key, again.ApiKey);
        Assert.Equal("{}", await next.GetStringAsync($"/v1/files/{file}/content"));
        var found = (await Batches.GetAsync(next, "/v1/batches"))["data"]![0]!;
        Assert.Equal(batch, found.ToJsonString());
        Assert.Single(await Batches.LinesAsync(next, found, "output_file_id"));
    }

    /// <summary>The trial's disk counts as full from the start.</summary>
    [Fact]
    public async Task Before_the_disk_is_full_what_writes_stops_and_says_so()
    {
        ConcurrentQueue<string> lines = new();
        var options = new LocalStackOptions(_folder) { MinFreeBytes = long.MaxValue };
        await using var stack = await LocalStack.StartAsync(options, lines.Enqueue, CancellationToken.None);
        using var client = stack.CreateClient();

        await UntilAsync(async () =>
        {
            try
            {
                (await client.GetAsync("/healthz")).Dispose();
                return false;
            }
            catch (HttpRequestException)
            {
                return true;
            }
        });

        Assert.Single(lines, line => line.Contains("MB of free disk space: functions and worker stop", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_process_that_dies_is_started_again_and_reported()
    {
        ConcurrentQueue<string> lines = new();
        await using var stack = await LocalStack.StartAsync(new LocalStackOptions(_folder), lines.Enqueue, CancellationToken.None);
        using var client = stack.CreateClient();
        string model = await Batches.ModelAsync(client);

        string[] programs = [StackSignals.Azurite, StackSignals.Worker, StackSignals.Functions];
        foreach (string program in programs)
            StackSignals.Kill(program, stack);
        await UntilAsync(() => Task.FromResult(
            lines.Count(line => line.Contains("starting it again", StringComparison.Ordinal)) >= programs.Length));
        await UntilAsync(async () =>
        {
            try
            {
                // Azurite may have lost the key and the models, which the stack puts back.
                return (await Batches.GetAsync(client, "/v1/models"))["data"]!.AsArray().Any(known => (string?)known!["id"] == model);
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });

        var batch = await Batches.RunAsync(client, "/v1/infill", Line(model));
        Assert.Equal("completed", batch["status"]!.GetValue<string>());
        foreach (string name in new[] { "azurite", "worker", "functions" })
            Assert.Contains(lines, line => line.StartsWith($"{name} stopped", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_part_that_cannot_start_gets_one_sentence_and_leaves_nothing_behind()
    {
        var options = new LocalStackOptions(_folder, Settings: new Dictionary<string, string> { ["Worker__ShardsInHand"] = "0" });

        var exception = await Assert.ThrowsAsync<StackException>(() => LocalStack.StartAsync(options, _ => { }, CancellationToken.None));

        Assert.StartsWith("worker does not start: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains("ShardsInHand", exception.Message, StringComparison.Ordinal);
        await using var again = await StartAsync();
    }

    [Fact]
    public async Task A_port_in_use_gets_one_sentence()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;

        var options = new LocalStackOptions(_folder, port);
        var exception = await Assert.ThrowsAsync<StackException>(() => LocalStack.StartAsync(options, _ => { }, CancellationToken.None));

        Assert.Contains($"Port {port} is in use", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_stack_on_the_same_folder_gets_one_sentence()
    {
        var options = new LocalStackOptions(fixture.DataFolder);
        var exception = await Assert.ThrowsAsync<StackException>(() => LocalStack.StartAsync(options, _ => { }, CancellationToken.None));

        Assert.Contains("Another stack is running", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_Node_one_sentence_says_so()
    {
        string dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        string[] arguments = [typeof(LocalStack).Assembly.Location, "--data", _folder];
        var start = new ProcessStartInfo(dotnet, arguments) { RedirectStandardError = true, Environment = { ["PATH"] = _folder } };
        using var process = Process.Start(start)!;

        string errors = await process.StandardError.ReadToEndAsync().WaitAsync(s_limit);
        await process.WaitForExitAsync().WaitAsync(s_limit);

        Assert.Equal(1, process.ExitCode);
        string sentence = Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("Node.js is needed", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Up_reports_its_stages_prints_how_to_reach_it_and_ends_with_an_interrupt()
    {
        using var process = StartProgram("up", "--data", _folder, "--port", "0");
        var stages = process.StandardError.ReadToEndAsync();
        var (address, key) = await ReadyAsync(process);
        List<string> lines = [];
        while (lines.LastOrDefault()?.Contains("Ctrl-C", StringComparison.Ordinal) != true)
            lines.Add((await process.StandardOutput.ReadLineAsync().WaitAsync(s_limit))!);

        string file = Path.Combine(_folder, "api-key");
        Assert.Contains($"export LLADA_BASE_URL={address} LLADA_API_KEY=\"$(cat '{file}')\"", lines);
        Assert.DoesNotContain(lines, line => line.Contains(key, StringComparison.Ordinal));
        string models = Assert.Single(lines, line => line.StartsWith("Models: ", StringComparison.Ordinal));
        Assert.Contains("llada-tiny-base", models, StringComparison.Ordinal);
        Assert.Contains($"Logs:   {Path.Combine(_folder, "logs")}", lines);
        Assert.Contains(lines, line => line.StartsWith("Next:   ", StringComparison.Ordinal));
        using var client = Client(address, key);
        Assert.NotEmpty(await Batches.ModelAsync(client));

        await SignalAsync("INT", process.Id);
        await process.WaitForExitAsync().WaitAsync(s_limit);
        Assert.Equal(0, process.ExitCode);
        string reported = await stages;
        Assert.Equal(4, Stage().Count(reported));
        Assert.EndsWith("Stopped\n", reported, StringComparison.Ordinal);
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync("/healthz"));
    }

    // Ctrl-C must not look like success: https://github.com/sharkdp/fd/issues/201, https://github.com/peak/s5cmd/issues/615
    [Fact]
    public async Task An_interrupted_demonstration_says_so_and_returns_130()
    {
        using var process = StartProgram("--data", _folder);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        await UntilAsync(() => Task.FromResult(File.Exists(Path.Combine(_folder, "logs", "azurite.log"))));

        await SignalAsync("INT", process.Id);
        await process.WaitForExitAsync().WaitAsync(s_limit);

        await output;
        Assert.Equal((130, "Stopped\n"), (process.ExitCode, await errors));
    }

    // https://github.com/vercel-labs/portless/pull/255, https://github.com/openclaw/openclaw/pull/97767
    [Fact]
    public async Task A_killed_stack_leaves_no_process_and_no_loss_and_starts_again()
    {
        string file, connection, key;
        using (var process = StartProgram("up", "--data", _folder, "--port", "0"))
        {
            _ = process.StandardError.ReadToEndAsync();
            (string address, key) = await ReadyAsync(process);
            connection = await File.ReadAllTextAsync(Path.Combine(_folder, "connection-string"));
            using var client = Client(address, key);
            file = await Batches.UploadAsync(client, "{}");
            await SignalAsync("KILL", process.Id);
            await process.WaitForExitAsync().WaitAsync(s_limit);
        }

        await using var again = await StartAsync();

        using var next = again.CreateClient();
        Assert.Equal(key, again.ApiKey);
        Assert.Equal("{}", await next.GetStringAsync($"/v1/files/{file}/content"));
        Assert.Empty(StackSignals.Processes("LLaDA.Batch", connection.Trim()));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(again.LogFolder));
    }

    [Fact]
    public async Task A_new_data_folder_is_readable_by_its_owner_alone()
    {
        string folder = Path.Combine(_folder, "new", "data");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var options = new LocalStackOptions(folder, ((IPEndPoint)listener.LocalEndpoint).Port);

        await Assert.ThrowsAsync<StackException>(() => LocalStack.StartAsync(options, _ => { }, CancellationToken.None));

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
    }

    [Fact]
    public async Task The_account_key_is_of_the_folder_alone_and_every_secret_file_is_readable_by_its_owner_alone()
    {
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        string connection = await File.ReadAllTextAsync(Path.Combine(fixture.DataFolder, "connection-string"));
        string key = (await File.ReadAllTextAsync(Path.Combine(fixture.DataFolder, "account-key"))).Trim();

        Assert.Equal(64, Convert.FromBase64String(key).Length);
        Assert.Contains($";AccountKey={key};", connection, StringComparison.Ordinal);
        Assert.DoesNotContain("Eby8vdM02xNO", connection, StringComparison.Ordinal);
        foreach (string file in new[] { "connection-string", "account-key", "api-key", "secret-key" })
            Assert.Equal(ownerOnly, File.GetUnixFileMode(Path.Combine(fixture.DataFolder, file)));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Task<LocalStack> StartAsync() => LocalStack.StartAsync(new LocalStackOptions(_folder), _ => { }, CancellationToken.None);

    /// <summary>Starts the program of infra/local. A test that runs in a shell's background ignores SIGINT; env restores it.</summary>
    private static Process StartProgram(params string[] arguments) =>
        Process.Start(new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", typeof(LocalStack).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    private static async Task<(string Address, string Key)> ReadyAsync(Process process)
    {
        string? line = await process.StandardOutput.ReadLineAsync().WaitAsync(s_limit);
        var match = ReadyLine().Match(line ?? "");
        Assert.True(match.Success, line);
        return (match.Groups["address"].Value, (await File.ReadAllTextAsync(match.Groups["file"].Value)).Trim());
    }

    private static HttpClient Client(string address, string key) =>
        new() { BaseAddress = new Uri(address), DefaultRequestHeaders = { { "api-key", key } } };

    private static async Task SignalAsync(string signal, int processId)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{processId}"]);
        await kill.WaitForExitAsync();
    }

    private static string Line(string model) =>
        Batches.Line("a", "/v1/infill", new() { ["model"] = model, ["text"] = "the [MASK:1] dog" });

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(s_limit);
        using var timer = new PeriodicTimer(s_interval);
        while (!await holds())
            await timer.WaitForNextTickAsync(limit.Token);
    }

    [GeneratedRegex(
        "^ready (?<address>http://127.0.0.1:[0-9]+) key in (?<file>/[^ ]+/api-key)$", RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex ReadyLine();

    [GeneratedRegex("^ *[0-9]+\\.[0-9] s  ", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Stage();
}
