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
            batch = (await Batches.RunAsync(client, "/v1/infill", Batches.Line("a", "/v1/infill", new() { ["model"] = model, ["text"] = "the [MASK:1] dog" }))).ToJsonString();
        }

        await using var again = await StartAsync();
        using var next = again.CreateClient();

        Assert.Equal(key, again.ApiKey);
        Assert.Equal("{}", await next.GetStringAsync($"/v1/files/{file}/content"));
        var found = (await Batches.GetAsync(next, "/v1/batches"))["data"]![0]!;
        Assert.Equal(batch, found.ToJsonString());
        Assert.Single(await Batches.LinesAsync(next, found, "output_file_id"));
    }

    [Fact]
    public async Task A_part_that_dies_is_started_again_with_a_word_about_it()
    {
        ConcurrentQueue<string> words = new();
        await using var stack = await LocalStack.StartAsync(new LocalStackOptions(_folder), words.Enqueue, CancellationToken.None);
        using var client = stack.CreateClient();
        string model = await Batches.ModelAsync(client);

        foreach (string part in new[] { "LLaDA.Batch.Worker.dll", "LLaDA.Batch.Functions.dll" })
            Kill(part, stack.ConnectionString);
        await UntilAsync(() => Task.FromResult(words.Count >= 2));
        await UntilAsync(async () =>
        {
            try
            {
                return (await client.GetAsync("/healthz")).IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });

        var batch = await Batches.RunAsync(client, "/v1/infill", Batches.Line("a", "/v1/infill", new() { ["model"] = model, ["text"] = "the [MASK:1] dog" }));
        Assert.Equal("completed", batch["status"]!.GetValue<string>());
        Assert.Contains(words, word => word.StartsWith("worker stopped", StringComparison.Ordinal));
        Assert.Contains(words, word => word.StartsWith("functions stopped", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_part_that_cannot_start_gets_one_sentence_and_leaves_nothing_behind()
    {
        var options = new LocalStackOptions(_folder, Settings: new Dictionary<string, string> { ["Worker__ShardsInHand"] = "0" });

        var exception = await Assert.ThrowsAsync<StackException>(() => LocalStack.StartAsync(options, _ => { }, CancellationToken.None));

        Assert.StartsWith("worker does not start: ", exception.Message, StringComparison.Ordinal);
        await using var again = await StartAsync();
    }

    [Fact]
    public async Task A_port_in_use_gets_one_sentence()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;

        var exception = await Assert.ThrowsAsync<StackException>(() => LocalStack.StartAsync(new LocalStackOptions(_folder, port), _ => { }, CancellationToken.None));

        Assert.Contains($"Port {port} is in use", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_stack_on_the_same_folder_gets_one_sentence()
    {
        var exception = await Assert.ThrowsAsync<StackException>(() => LocalStack.StartAsync(new LocalStackOptions(fixture.DataFolder), _ => { }, CancellationToken.None));

        Assert.Contains("Another stack is running", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_Node_one_sentence_says_so()
    {
        string dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        var start = new ProcessStartInfo(dotnet, [typeof(LocalStack).Assembly.Location, "--data", _folder]) { RedirectStandardError = true, Environment = { ["PATH"] = _folder } };
        using var process = Process.Start(start)!;

        string errors = await process.StandardError.ReadToEndAsync().WaitAsync(s_limit);
        await process.WaitForExitAsync().WaitAsync(s_limit);

        Assert.Equal(1, process.ExitCode);
        Assert.StartsWith("Node.js is needed", Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Up_prints_its_address_and_key_on_one_line_and_ends_with_an_interrupt()
    {
        // Tests that run in a shell's background inherit an ignored SIGINT.
        string[] arguments = ["--default-signal=INT", "dotnet", typeof(LocalStack).Assembly.Location, "up", "--data", _folder, "--port", "0"];
        using var process = Process.Start(new ProcessStartInfo("env", arguments) { RedirectStandardOutput = true })!;

        string? line = await process.StandardOutput.ReadLineAsync().WaitAsync(s_limit);
        var match = ReadyLine().Match(line ?? "");
        Assert.True(match.Success, line);
        using var client = new HttpClient { BaseAddress = new Uri(match.Groups["address"].Value), DefaultRequestHeaders = { { "api-key", match.Groups["key"].Value } } };
        Assert.NotEmpty(await Batches.ModelAsync(client));

        using (var interrupt = Process.Start("kill", ["-INT", $"{process.Id}"]))
            await interrupt.WaitForExitAsync();
        await process.WaitForExitAsync().WaitAsync(s_limit);
        Assert.Equal(0, process.ExitCode);
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync("/healthz"));
    }

    [Fact]
    public async Task The_demonstration_fills_every_gap_and_ends_well()
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [typeof(LocalStack).Assembly.Location, "--data", _folder]) { RedirectStandardOutput = true })!;

        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(s_limit);
        await process.WaitForExitAsync().WaitAsync(s_limit);

        Assert.Equal(0, process.ExitCode);
        Assert.DoesNotContain("[MASK", output, StringComparison.Ordinal);
        Assert.Equal(34, Fill().Count(output));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Task<LocalStack> StartAsync() => LocalStack.StartAsync(new LocalStackOptions(_folder), _ => { }, CancellationToken.None);

    /// <summary>Kills the process of a stack that runs a program, without a word of warning.</summary>
    internal static void Kill(string program, string connectionString) => Signal("KILL", program, connectionString);

    /// <summary>Asks the process of a stack that runs a program to end, as a platform does that takes a machine away.</summary>
    internal static void Terminate(string program, string connectionString) => Signal("TERM", program, connectionString);

    private static void Signal(string signal, string program, string connectionString)
    {
        foreach (string folder in Directory.GetDirectories("/proc").Where(folder => Path.GetFileName(folder).All(char.IsAsciiDigit)))
        {
            if (!Holds(folder, "cmdline", program) || !Holds(folder, "environ", connectionString))
                continue;
            using var kill = Process.Start("kill", [$"-{signal}", Path.GetFileName(folder)]);
            kill.WaitForExit();
        }
    }

    private static bool Holds(string processFolder, string file, string text)
    {
        try
        {
            return File.ReadAllText(Path.Combine(processFolder, file)).Contains(text, StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;   // ended meanwhile, or somebody else's
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(s_limit);
        using var timer = new PeriodicTimer(s_interval);
        while (!await holds())
            await timer.WaitForNextTickAsync(limit.Token);
    }

    [GeneratedRegex("^ready (?<address>http://127.0.0.1:[0-9]+) key (?<key>llada-[0-9a-f]{12}-[0-9a-f]{64})$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ReadyLine();

    [GeneratedRegex("«[^»]*»", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Fill();
}
