using System.Text.Json.Nodes;
using Cronos;
using LLaDA.Batch.AzureHost.Tests.Driver;
using LLaDA.Batch.Functions.Hosting;

namespace LLaDA.Batch.AzureHost.Tests;

/// <summary>The functions of the published app are the triggers of the Local host and the routes of the API.</summary>
public sealed class PublishedFunctionsTests(PublishedApp app)
{
    [Fact]
    public async Task Its_triggers_are_those_of_the_Local_host()
    {
        await app.RequireAsync();

        Assert.Equal(
            Triggers.Queues.Select(trigger => (trigger.Name, trigger.Queue)).Order(), Bindings("queueTrigger", "queueName").Order());
        Assert.Equal(
            Triggers.Timers.Select(trigger => (trigger.Name, trigger.Interval)).Order(),
            Bindings("timerTrigger", "schedule").Select(timer => (timer.Name, Interval(timer.Value))).Order());
        Assert.Equal(
            [
                "assets/{name}", "docs/{*path}", "healthz", "openai/{*path}", "openapi/v1.json", "readyz", "v1/{*path}",
                "{ignored:maxlength(0)?}",     // the page at the root
            ],
            Bindings("httpTrigger", "route").Select(route => route.Value).Order(StringComparer.Ordinal));
    }

    /// <summary>Without a list a trigger takes every method. Those of the API are those of its description, and HEAD.</summary>
    [Theory]
    [InlineData("v1", "DELETE GET HEAD POST")]
    [InlineData("openai", "DELETE GET HEAD POST")]
    [InlineData("healthz", "GET HEAD")]
    [InlineData("readyz", "GET HEAD")]
    [InlineData("openapi", "GET HEAD")]
    [InlineData("page", "GET HEAD")]
    [InlineData("assets", "GET HEAD")]
    [InlineData("docs", "GET HEAD")]
    public async Task Its_HTTP_triggers_name_their_methods(string name, string methods)
    {
        await app.RequireAsync();
        var function = Functions().Single(function => function["name"]!.GetValue<string>() == name);
        var trigger = function["bindings"]!.AsArray().Single(binding => binding!["type"]!.GetValue<string>() == "httpTrigger")!;
        var named = trigger["methods"]!.AsArray().Select(method => method!.GetValue<string>().ToUpperInvariant());

        Assert.Equal(methods, string.Join(' ', named.Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void The_methods_of_the_API_are_those_of_its_description()
    {
        var paths = JsonNode.Parse(File.ReadAllText(Repository.PathOf("functions", "Http", "openapi.json")))!["paths"]!.AsObject();
        var methods = paths.SelectMany(path => path.Value!.AsObject().Select(operation => operation.Key))
            .Intersect(["delete", "get", "patch", "post", "put"]);

        Assert.Equal(["delete", "get", "post"], methods.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<JsonNode> Functions() =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(PublishedApp.Folder, "functions.metadata")))!.AsArray().Select(function => function!);

    /// <summary>The functions with a binding of a type, by name, with a property of that binding.</summary>
    private static IEnumerable<(string Name, string Value)> Bindings(string type, string property) =>
        from function in Functions()
        from binding in function["bindings"]!.AsArray()
        where binding!["type"]!.GetValue<string>() == type
        select (function["name"]!.GetValue<string>(), binding[property]!.GetValue<string>());

    private static TimeSpan Interval(string cron)
    {
        var expression = CronExpression.Parse(cron, CronFormat.IncludeSeconds);
        var first = expression.GetNextOccurrence(DateTime.UnixEpoch)!.Value;
        return expression.GetNextOccurrence(first)!.Value - first;
    }
}
