using System.Text.Json.Nodes;
using LLaDA.Batch.AzureHost.Tests.Driver.Protocol;
using Microsoft.AspNetCore.Routing.Template;

namespace LLaDA.Batch.AzureHost.Tests.Driver;

/// <summary>A function as the worker describes it, with its trigger.</summary>
internal sealed class HostedFunction(RpcFunctionMetadata metadata)
{
    private readonly JsonNode _trigger = metadata.RawBindings
        .Select(binding => JsonNode.Parse(binding)!)
        .Single(binding => binding["type"]!.GetValue<string>().EndsWith("Trigger", StringComparison.Ordinal));

    public RpcFunctionMetadata Metadata => metadata;

    public string Id => metadata.FunctionId;

    public string Name => metadata.Name;

    /// <summary>Name of the parameter that takes what triggered the function.</summary>
    public string Parameter => Text("name")!;

    public bool IsHttp => Text("type") == "httpTrigger";

    /// <summary>Null for a function without a queue trigger.</summary>
    public string? Queue => Text("queueName");

    /// <summary>A cron expression with seconds; null for a function without a timer.</summary>
    public string? Schedule => Text("schedule");

    public string? Route => Text("route");

    /// <summary>In upper case; empty where the trigger names none and so takes all.</summary>
    public IReadOnlyList<string> Methods =>
        [.. (_trigger["methods"]?.AsArray() ?? []).Select(method => method!.GetValue<string>().ToUpperInvariant())];

    public bool Matches(HttpRequest request) =>
        IsHttp
        && (Methods.Count == 0 || Methods.Contains(request.Method))
        && new TemplateMatcher(TemplateParser.Parse(Route!), []).TryMatch(request.Path, []);

    private string? Text(string property) => _trigger[property]?.GetValue<string>();
}
