using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LLaDA.Batch.Benchmarks.Tables;

/// <summary>A Markdown table of results: one line of headings, and one line of cells that every row fills.</summary>
/// <remarks>
/// A cell holds <c>{path:format}</c>: a dotted path into the row and a .NET format. A list of three numbers is an estimate with
/// its 95 % interval. A cell with a missing value is empty, or the text behind <c>??</c>.
/// </remarks>
internal sealed partial record ResultTable(string Headings, string Cells)
{
    public string Render(IEnumerable<JsonObject> rows)
    {
        string[] cells = [.. Cells.Trim().Trim('|').Split('|').Select(cell => cell.Trim())];
        string[] lines =
        [
            Headings,
            $"|{string.Concat(cells.Select(_ => " --- |"))}",
            .. rows.Select(row => $"|{string.Concat(cells.Select(cell => $" {Fill(cell, row)} |"))}"),
        ];
        return string.Concat(lines.Select(line => line + "\n"));
    }

    /// <summary>
    /// Joins rows that are equal in some keys: the first one, with each row of its group under that row's value of another key.
    /// </summary>
    public static IEnumerable<JsonObject> Across(IEnumerable<JsonObject> rows, IReadOnlyList<string> by, string across) =>
        rows.GroupBy(row => string.Join('\n', by.Select(key => $"{row[key]}"))).Select(group =>
        {
            var joined = group.First().DeepClone().AsObject();
            foreach (var row in group)
                joined[$"{row[across]}"] = row.DeepClone();
            return joined;
        });

    private static string Fill(string cell, JsonObject row)
    {
        string[] alternatives = cell.Split(" ?? ");
        bool isWhole = true;
        string text = Placeholder().Replace(alternatives[0], match =>
        {
            var value = At(row, match.Groups["path"].Value);
            isWhole &= value is not null;
            return value is null ? "" : Text(value, match.Groups["format"].Value);
        });
        return isWhole ? text : alternatives.ElementAtOrDefault(1) ?? "";
    }

    private static JsonNode? At(JsonNode row, string path) =>
        path.Split('.').Aggregate<string, JsonNode?>(row, (node, key) => node switch
        {
            JsonObject parts => parts[key],
            JsonArray list => list[int.Parse(key, CultureInfo.InvariantCulture)],
            _ => null,
        });

    private static string Text(JsonNode value, string format) => value.GetValueKind() switch
    {
        JsonValueKind.Number => value.GetValue<double>().ToString(format, CultureInfo.InvariantCulture),
        JsonValueKind.Array when value.AsArray() is [{ } estimate, { } low, { } high] =>
            $"{Text(estimate, format)} [{Text(low, format)}, {Text(high, format)}]",
        JsonValueKind.True => "yes",
        JsonValueKind.False => "no",
        JsonValueKind.String => value.GetValue<string>(),
        var kind => throw new FormatException($"{value.GetPath()} is a {kind}, which no cell can show"),
    };

    [GeneratedRegex(@"\{(?<path>[A-Za-z0-9_.]+)(:(?<format>[^}]+))?\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Placeholder();
}
