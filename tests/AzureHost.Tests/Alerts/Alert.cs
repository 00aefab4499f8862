using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LLaDA.Batch.AzureHost.Tests.Driver.Protocol;

namespace LLaDA.Batch.AzureHost.Tests.Alerts;

/// <summary>The query of an alert rule of the deployment, as far as it looks for texts.</summary>
internal sealed partial class Alert
{
    private readonly string _query;

    private Alert(string name) => _query = Rules().Single(rule => rule.Name.StartsWith($"alert-{name}-", StringComparison.Ordinal)).Query;

    public static Alert Poison { get; } = new("poison");

    public static Alert Failures { get; } = new("failures");

    /// <summary>Whether a message in AppTraces counts.</summary>
    public bool MatchesTrace(string message) =>
        Texts("AppTraces", "Message").Any(text => message.Contains(text, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether a line of a worker's log counts.</summary>
    public bool MatchesConsole(string line) =>
        Texts("ContainerAppConsoleLogs", "Log").Any(text => line.Contains(text, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether an exception counts: all do but those of the listed types.</summary>
    public bool MatchesException(RpcException exception) => MatchesException($"{exception.Type} {exception.Message}");

    /// <param name="exception">Types and message, as the rule joins them.</param>
    public bool MatchesException(string exception)
    {
        string list = ExcludedTypes().Match(_query).Groups["types"].Value;
        return !Quoted().Matches(list).Any(type => exception.Contains(type.Groups["text"].Value, StringComparison.OrdinalIgnoreCase));
    }

    private IEnumerable<string> Texts(string table, string column)
    {
        string part = _query.Split('(', ')').Single(part => part.StartsWith($"{table} |", StringComparison.Ordinal));
        string pattern = $"""{column} has "(?<text>[^"]+)" """.TrimEnd();
        return Regex.Matches(part, pattern, RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))
            .Select(match => match.Groups["text"].Value);
    }

    private static IEnumerable<(string Name, string Query)> Rules() =>
        from resource in Deployed.Main.Resources
        where resource["type"]!.GetValue<string>() == "Microsoft.Insights/scheduledQueryRules"
        select (resource["name"]!.GetValue<string>(), resource["properties"]!["criteria"]!["allOf"]![0]!["query"]!.GetValue<string>());

    [GeneratedRegex(
        @"^AppExceptions \| where not\(strcat_delim\([^)]*\) has_any \((?<types>.*)\)\)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ExcludedTypes();

    [GeneratedRegex("\"(?<text>[^\"]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Quoted();
}
