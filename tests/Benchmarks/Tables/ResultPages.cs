using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LLaDA.Batch.Benchmarks.Tables;

/// <summary>
/// The pages of docs/benchmarks with their tables filled in from tests/Benchmarks/results, and the charts of the same results.
/// </summary>
/// <remarks>
/// A comment before each table declares it: <c>table FILE#PART by KEY,KEY across KEY</c>, where all but the file may be absent, the headings and the cells
/// (<see cref="ResultTable"/>). What stands between that comment and <c>end of table</c> is generated.
/// </remarks>
internal sealed partial class ResultPages(string root)
{
    private readonly string _pages = Path.Combine(root, "docs", "benchmarks"), _results = Path.Combine(root, "tests", "Benchmarks", "results");

    /// <summary>Every generated file, by its path, as it ought to be.</summary>
    public IEnumerable<(string Path, string Text)> Generate()
    {
        foreach (string page in Directory.GetFiles(_pages, "*.md").Order(StringComparer.Ordinal))
            yield return (page, Table().Replace(File.ReadAllText(page), Rendered));
        yield return (Path.Combine(_pages, "exact-match-by-gain.svg"), Charts.ExactMatchByGain(ResultFile.Read(Path.Combine(_results, "sampler.json"), part: null)));
        yield return (Path.Combine(_pages, "gap-of-one-by-tokens.svg"), Charts.GapOfOneByTokens(ResultFile.Read(Path.Combine(_results, "pairs.json"), part: null)));
    }

    public void Write()
    {
        foreach (var (path, text) in Generate())
            WholeFile.Write(path, text);
    }

    private string Rendered(Match table)
    {
        string Group(string name) => table.Groups[name].Value;
        var rows = ResultFile.Read(Path.Combine(_results, Group("file")), table.Groups["part"].Success ? Group("part") : null).Cast<JsonObject>();
        if (table.Groups["by"].Success)
            rows = ResultTable.Across(rows, Group("by").Split(','), Group("across"));
        return Group("declaration") + new ResultTable(Group("headings"), Group("cells")).Render(rows) + Group("end");
    }

    [GeneratedRegex(
        """
        (?<declaration><!--[ ]table[ ](?<file>[a-z-]+\.json)(\#(?<part>\w+))?([ ]by[ ](?<by>\S+)[ ]across[ ](?<across>\w+))?\n
        (?<headings>\|[^\n]*\|)\n(?<cells>\|[^\n]*\|)\n-->\n)(\|[^\n]*\n)*(?<end><!--[ ]end[ ]of[ ]table[ ]-->)
        """, RegexOptions.ExplicitCapture | RegexOptions.IgnorePatternWhitespace, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Table();
}
