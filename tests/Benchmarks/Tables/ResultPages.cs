using System.Text.RegularExpressions;

namespace LLaDA.Batch.Benchmarks.Tables;

/// <summary>The pages of docs/benchmarks with their tables filled in from tests/Benchmarks/results, and the charts of these.</summary>
/// <remarks>
/// A comment before each table declares it: <c>table FILE#PART by KEY,KEY across KEY</c>, where all but the file may be absent, then
/// the headings and the cells of a <see cref="ResultTable"/>. The lines between that comment and <c>end of table</c> are generated.
/// </remarks>
internal sealed partial class ResultPages(string root)
{
    private const string Declaration = "<!-- table ";

    private readonly string _pages = Path.Combine(root, "docs", "benchmarks");
    private readonly string _results = Path.Combine(root, "tests", "Benchmarks", "results");

    /// <summary>The content of every generated file, by its path.</summary>
    /// <exception cref="FormatException">A declaration cannot be read.</exception>
    public IEnumerable<(string Path, string Text)> Generate()
    {
        foreach (string page in Directory.GetFiles(_pages, "*.md").Order(StringComparer.Ordinal))
        {
            string text = File.ReadAllText(page);
            if (Table().Count(text) != text.Split(Declaration).Length - 1)
                throw new FormatException($"{page} has a table whose declaration or end cannot be read");
            yield return (page, Table().Replace(text, Rendered));
        }
        yield return (PagePath("exact-match-by-gain.svg"), Charts.ExactMatchByGain(ResultFile.Read(ResultPath("sampler.json"))));
        yield return (PagePath("gap-of-one-by-tokens.svg"), Charts.GapOfOneByTokens(ResultFile.Read(ResultPath("pairs.json"))));
    }

    public void Write()
    {
        foreach (var (path, text) in Generate())
            WholeFile.Write(path, text);
    }

    private string PagePath(string file) => Path.Combine(_pages, file);

    private string ResultPath(string file) => Path.Combine(_results, file);

    private string Rendered(Match table)
    {
        string? Group(string name) => table.Groups[name] is { Success: true } group ? group.Value : null;
        var rows = ResultFile.Read(ResultPath(Group("file")!), Group("part"));
        if (Group("by") is { } by)
            rows = [.. ResultTable.Across(rows, by.Split(','), Group("across")!)];
        return Group("declaration") + new ResultTable(Group("headings")!, Group("cells")!).Render(rows) + Group("end");
    }

    [GeneratedRegex(
        """
        (?<declaration>
          <!--[ ]table[ ](?<file>[a-z-]+\.json)(\#(?<part>\w+))?([ ]by[ ](?<by>\S+)[ ]across[ ](?<across>\w+))?\n
          (?<headings>\|[^\n]*\|)\n
          (?<cells>\|[^\n]*\|)\n
          -->\n
        )
        (\|[^\n]*\n)*
        (?<end><!--[ ]end[ ]of[ ]table[ ]-->)
        """, RegexOptions.ExplicitCapture | RegexOptions.IgnorePatternWhitespace, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Table();
}
