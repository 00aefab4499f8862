using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cronos;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Functions.Hosting.Local;

namespace LLaDA.Batch.Functions.Tests.Hosting;

/// <summary>The Azure host runs the triggers of the Local host, in the same way.</summary>
public sealed class AzureHostTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(4);

    [Fact]
    public void Its_queues_are_consumed_as_by_the_Local_host()
    {
        var queues = Json("host.json")["extensions"]!["queues"]!;

        Assert.Equal("none", queues["messageEncoding"]!.GetValue<string>());
        Assert.Equal(
            TriggerService.Defaults,
            TriggerService.Defaults with
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
            string metadata = Directory.GetFiles(Path.Combine(folder, "bin"), "functions.metadata", SearchOption.AllDirectories).Single();
            var functions = JsonNode.Parse(await File.ReadAllTextAsync(metadata))!.AsArray();

            Assert.Equal(
                Triggers.Queues.Select(trigger => (trigger.Name, trigger.Queue)).Order(),
                Bindings(functions, "queueTrigger", "queueName").Order());
            Assert.Equal(
                Triggers.Timers.Select(trigger => (trigger.Name, trigger.Interval)).Order(),
                Bindings(functions, "timerTrigger", "schedule").Select(timer => (timer.Name, Interval(timer.Value))).Order());
            Assert.Equal(
                ["healthz", "openai/{*path}", "openapi/v1.json", "readyz", "v1/{*path}"],
                Bindings(functions, "httpTrigger", "route").Select(route => route.Value).Order(StringComparer.Ordinal));
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

    private static JsonNode Json(string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, "functions", file)))!;

    /// <summary>The functions with a binding of a type, by name, with a property of that binding.</summary>
    private static IEnumerable<(string Name, string Value)> Bindings(JsonArray functions, string type, string property) =>
        from function in functions
        from binding in function!["bindings"]!.AsArray()
        where binding!["type"]!.GetValue<string>() == type
        select (function["name"]!.GetValue<string>(), binding[property]!.GetValue<string>());

    private static TimeSpan Interval(string cron)
    {
        var expression = CronExpression.Parse(cron, CronFormat.IncludeSeconds);
        var first = expression.GetNextOccurrence(DateTime.UnixEpoch)!.Value;
        return expression.GetNextOccurrence(first)!.Value - first;
    }
}
