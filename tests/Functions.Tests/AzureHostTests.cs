using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cronos;
using LLaDA.Batch.Functions.Hosting.Local;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Tests;

/// <summary>The Azure host runs what the Local host runs, in the same way. Its sources are read here as well, since its packages are not everywhere.</summary>
public sealed partial class AzureHostTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(4);

    private static string LocalTriggers => File.ReadAllText(Path.Combine(Repository.Root, "functions", "Hosting", "Local", "Triggers.cs"));

    [Fact]
    public void Its_queue_triggers_are_those_of_the_Local_host()
    {
        var local = LocalQueue().Matches(LocalTriggers).Select(match => (Queue: PoisonQueue().Replace(match.Groups["queue"].Value, "${queue} + StorageNames.PoisonSuffix"), Message: match.Groups["message"].Value, Handler: match.Groups["handler"].Value));
        var azure = AzureQueue().Matches(Azure("QueueTriggers.cs")).Select(match => (Queue: match.Groups["queue"].Value, Message: match.Groups["message"].Value, Handler: match.Groups["handler"].Value));

        Assert.NotEmpty(local);
        Assert.Equal(local.Order(), azure.Order());
        Assert.Equal(Regex.Count(Azure("QueueTriggers.cs"), @"\[Function\("), azure.Count());
    }

    [Fact]
    public void Its_timers_are_those_of_the_Local_host()
    {
        var local = LocalTimer().Matches(LocalTriggers).Select(match => (match.Groups["handler"].Value, Interval(match.Groups["type"].Value)));
        var azure = AzureTimer().Matches(Azure("TimerTriggers.cs")).Select(match => (match.Groups["handler"].Value, Interval(CronExpression.Parse(match.Groups["cron"].Value, CronFormat.IncludeSeconds))));

        Assert.NotEmpty(local);
        Assert.Equal(local.Order(), azure.Order());
        Assert.Equal(Regex.Count(Azure("TimerTriggers.cs"), @"\[Function\("), azure.Count());
    }

    [Fact]
    public void Its_queues_are_consumed_as_by_the_Local_host()
    {
        var queues = Json("host.json")["extensions"]!["queues"]!;

        Assert.Equal("none", queues["messageEncoding"]!.GetValue<string>());
        Assert.Equal(
            Triggers.Defaults,
            Triggers.Defaults with
            {
                Concurrency = queues["batchSize"]!.GetValue<int>() + queues["newBatchThreshold"]!.GetValue<int>(),
                MaxDequeueCount = queues["maxDequeueCount"]!.GetValue<int>(),
                RetryDelay = queues["visibilityTimeout"].Deserialize<TimeSpan>(),
                MaxPollingInterval = queues["maxPollingInterval"].Deserialize<TimeSpan>(),
            });
    }

    [Fact]
    public void Its_routes_have_no_prefix_and_its_requests_the_size_that_the_service_takes()
    {
        Assert.Equal("", Json("host.json")["extensions"]!["http"]!["routePrefix"]!.GetValue<string>());
        Assert.Equal($"{new ServiceLimits().MaxRequestBytes}", Json("local.settings.json")["Values"]!["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"]!.GetValue<string>());
    }

    [Fact]
    public async Task It_builds_without_warnings_where_its_packages_are()
    {
        string folder = Directory.CreateTempSubdirectory("llada-azure-host-").FullName;
        try
        {
            foreach (string command in (string[])["restore", "build"])      // the build restores what the Functions host loads beside it
            {
                var (isDone, said) = await DotNetAsync(command, folder);
                if (!isDone && said.Split('\n').FirstOrDefault(line => line.Contains("error NU", StringComparison.Ordinal)) is { } reason)
                    Assert.Skip($"The packages of Azure Functions are not to be had here: {reason[reason.IndexOf("NU", StringComparison.Ordinal)..].Split('[')[0].Trim()}");
                Assert.True(isDone, said);
            }
            var functions = JsonNode.Parse(await File.ReadAllTextAsync(Directory.GetFiles(Path.Combine(folder, "bin"), "functions.metadata", SearchOption.AllDirectories).Single()))!.AsArray();
            string[] Triggers(string type, string property) =>
                [.. functions.SelectMany(function => function!["bindings"]!.AsArray()).Where(binding => binding!["type"]!.GetValue<string>() == type).Select(binding => binding![property]!.GetValue<string>()).Order(StringComparer.Ordinal)];
            Assert.Equal(LocalQueue().Matches(LocalTriggers).Select(match => QueueName(match.Groups["queue"].Value)).Order(StringComparer.Ordinal), Triggers("queueTrigger", "queueName"));
            Assert.Equal(LocalTimer().Count(LocalTriggers), Triggers("timerTrigger", "schedule").Length);
            Assert.Equal(["healthz", "openai/{*path}", "openapi/v1.json", "readyz", "v1/{*path}"], Triggers("httpTrigger", "route"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(bool Succeeded, string Said)> DotNetAsync(string command, string folder)
    {
        using var process = Process.Start(new ProcessStartInfo(
            "dotnet", [command, Path.Combine(Repository.Root, "functions", "LLaDA.Batch.Functions.csproj"), "-p:FunctionsHost=Azure", $"-p:ArtifactsPath={folder}", "-nodeReuse:false"]) { RedirectStandardOutput = true })!;
        using var limit = new CancellationTokenSource(s_limit);
        string said = await process.StandardOutput.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode == 0, said);
    }

    private static string Azure(string file) => File.ReadAllText(Path.Combine(Repository.Root, "functions", "Hosting", "Azure", file));

    private static JsonNode Json(string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, "functions", file)))!;

    /// <param name="expression">As it stands in the sources.</param>
    private static string QueueName(string expression)
    {
        string constant = expression[(expression.LastIndexOf('.') + 1)..].TrimEnd(')');
        string queue = (string)typeof(StorageNames).GetField(constant)!.GetRawConstantValue()!;
        return PoisonQueue().IsMatch(expression) ? StorageNames.PoisonQueue(queue) : queue;
    }

    private static TimeSpan Interval(string type) =>
        (TimeSpan)typeof(Triggers).Assembly.GetTypes().Single(candidate => candidate.Name == type).GetField("Interval", BindingFlags.Static | BindingFlags.Public)!.GetValue(null)!;

    private static TimeSpan Interval(CronExpression cron)
    {
        var first = cron.GetNextOccurrence(DateTime.UnixEpoch)!.Value;
        return cron.GetNextOccurrence(first)!.Value - first;
    }

    [GeneratedRegex(@"ConsumeAsync<(?<message>\w+)>\((?<queue>StorageNames\.\w+(\(StorageNames\.\w+\))?), (?<handler>[\w.]+), stoppingToken\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LocalQueue();

    [GeneratedRegex(@"\[QueueTrigger\((?<queue>[^)]+)\)\] string message, CancellationToken stop\)\s*=>\s*(?<handler>[\w.]+)\(Read<(?<message>\w+)>\(message\), stop\);", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AzureQueue();

    [GeneratedRegex(@"StorageNames\.PoisonQueue\((?<queue>.+)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PoisonQueue();

    [GeneratedRegex(@"RepeatAsync\((?<type>\w+)\.Interval, (?<handler>[\w.]+), stoppingToken\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LocalTimer();

    [GeneratedRegex(@"\[TimerTrigger\(""(?<cron>[^""]+)"", UseMonitor = false\)\] TimerInfo timer, CancellationToken stop\)\s*=>\s*(?<handler>[\w.]+)\(stop\);", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AzureTimer();
}
