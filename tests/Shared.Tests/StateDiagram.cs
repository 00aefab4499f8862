using System.Text.Json;
using System.Text.RegularExpressions;

namespace LLaDA.Batch.Shared.Tests;

/// <summary>The mermaid state diagrams of docs/architecture.md.</summary>
internal static partial class StateDiagram
{
    /// <param name="edges">Names of an enum's states.</param>
    public static void AssertEqual(string heading, IEnumerable<(string From, string To)> edges)
    {
        string text = File.ReadAllText(Repository.PathOf("docs", "architecture.md"));
        string section = text[text.IndexOf($"### {heading}\n", StringComparison.Ordinal)..];
        int start = section.IndexOf("stateDiagram-v2", StringComparison.Ordinal), end = section.IndexOf("\n```\n", start, StringComparison.Ordinal);
        var drawn = Arrow().Matches(section[start..end]).Select(arrow => (From: arrow.Groups["from"].Value, To: arrow.Groups["to"].Value)).ToList();
        var expected = edges.Select(edge => (Name(edge.From), Name(edge.To))).Distinct().Order();

        Assert.Equal(expected, drawn.Where(edge => edge.From != "[*]" && edge.To != "[*]").Order());
        Assert.Single(drawn, edge => edge.From == "[*]");
        var ends = drawn.Select(edge => edge.To).Where(to => drawn.All(edge => edge.From != to || edge.To == "[*]")).Where(to => to != "[*]").Distinct();
        Assert.Equal(ends.Order(), drawn.Where(edge => edge.To == "[*]").Select(edge => edge.From).Order());
    }

    private static string Name(string state) => JsonNamingPolicy.SnakeCaseLower.ConvertName(state);

    [GeneratedRegex(@"^\s*(?<from>\S+) --> (?<to>[^\s:]+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Arrow();
}
