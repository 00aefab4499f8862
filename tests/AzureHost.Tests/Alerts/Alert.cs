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

    /// <summary>Whether an exception counts: all do but those of the listed types, and of these the ones of storage.</summary>
    public bool MatchesException(RpcException exception) => MatchesException($"{exception.Type} {exception.Message}");

    /// <param name="exception">Types and message, as the rule joins them.</param>
    public bool MatchesException(string exception)
    {
        var query = ExceptionQuery().Match(_query);
        bool HasAny(string group) => Quoted().Matches(query.Groups[group].Value)
            .Any(text => exception.Contains(text.Groups["text"].Value, StringComparison.OrdinalIgnoreCase));
        return !HasAny("cancelled") || HasAny("timeouts");
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
        @"^AppExceptions \| extend Text = strcat_delim\([^)]*\) \| where not\(Text has_any \((?<cancelled>[^)]*)\)\) "
            + @"or Text has_any \((?<timeouts>[^)]*)\)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ExceptionQuery();

    [GeneratedRegex("\"(?<text>[^\"]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Quoted();
}
