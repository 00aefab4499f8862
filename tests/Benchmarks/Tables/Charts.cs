using System.Text.Json.Nodes;

namespace LLaDA.Batch.Benchmarks.Tables;

/// <summary>The two charts on the first page of the benchmarks.</summary>
internal static class Charts
{
    private const string Blue = "#1f6feb", Red = "#d9480f", Green = "#2b8a3e", Grey = "#868e96";

    /// <summary>Settings that the chart names; the table names all of them.</summary>
    private static readonly Dictionary<string, string> s_labels = new(StringComparer.Ordinal)
    {
        ["no cache"] = "one token a step",
        ["no cache, stop"] = "stops at the end of text",
        ["no cache, stop, factor 0.1"] = "factor 0.1",
        ["dual, stop, threshold 0.99, refresh 2, runs 0.9"] = "refresh 2, runs 0.9",
        ["dual, stop, threshold 0.9"] = "threshold 0.9",
        ["dual"] = "one token a step",
    };

    /// <summary>Rows alone (batch 1). The official loop is left out: it was judged on the timed prompts alone.</summary>
    public static string ExactMatchByGain(IEnumerable<JsonObject> sampler)
    {
        JsonObject[] rows = [.. sampler.Where(row => row["batch"]!.GetValue<int>() == 1)];
        ChartSeries Cache(string name, string prefix, string color) => new(name, color, IsLine: false,
        [
            .. rows.Where(row => Setting(row).StartsWith(prefix, StringComparison.Ordinal)).Select(row => new ChartPoint(
                Number(row["gain"]), 100 * Number(row["exactMatch"]), Label: s_labels.GetValueOrDefault(Setting(row)))),
        ]);
        return new PointChart(
            "gain in tokens a second over the official loop, one row at a time", "exact match, %",
            [1, 2, 5, 10, 20, 50, 100, 200], [88, 90, 92, 94, 96, 98],
            [Cache("no cache", "no cache", Blue), Cache("prefix cache", "prefix", Green), Cache("dual cache", "dual", Red)]).ToSvg();
    }

    /// <summary>A line joins the pairs of one size.</summary>
    public static string GapOfOneByTokens(IEnumerable<JsonObject> pairs)
    {
        JsonObject[][] sizes = [.. pairs.GroupBy(pair => Number(pair["parameters"])).Select(size => size.ToArray())];
        IEnumerable<ChartSeries> Judged(string name, string key, string color) => sizes.Select((size, index) => new ChartSeries(
            index == 0 ? name : null, color, IsLine: true, [.. size.Select(pair => Point(pair, key, isLast: pair == size[^1]))]));
        return new PointChart(
            "millions of training tokens", "gaps of one token filled exactly, %", [1, 2, 5, 10, 20, 50, 100], [10, 20, 30, 40, 50, 60],
            [
                .. Judged("diffusion", "diffusion", Blue),
                .. Judged("twin, from the prefix", "prefix", Red),
                .. Judged("twin, best of 32 by the suffix", "reranked", Grey),
            ]).ToSvg();
    }

    /// <summary>The last diffusion model of each size bears its number of parameters.</summary>
    private static ChartPoint Point(JsonObject pair, string key, bool isLast)
    {
        var estimate = pair["gap1"]![key]!.AsArray();
        string? label = isLast && key == "diffusion" ? FormattableString.Invariant($"{Number(pair["parameters"]) / 1e6:F2} M") : null;
        return new ChartPoint(Number(pair["tokens"]) / 1e6, Number(estimate[0]), Number(estimate[1]), Number(estimate[2]), label);
    }

    private static string Setting(JsonObject row) => row["setting"]!.GetValue<string>();

    private static double Number(JsonNode? value) => value!.GetValue<double>();
}
