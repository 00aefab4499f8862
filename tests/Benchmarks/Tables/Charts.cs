using System.Text.Json.Nodes;

namespace LLaDA.Batch.Benchmarks.Tables;

/// <summary>The two charts on the first page of the benchmarks.</summary>
internal static class Charts
{
    private const string Blue = "#1f6feb", Red = "#d9480f", Green = "#2b8a3e";

    /// <summary>Settings that the chart names; the table names all of them.</summary>
    private static readonly Dictionary<string, string> s_labels = new(StringComparer.Ordinal)
    {
        ["no cache"] = "one token a step",
        ["no cache, stop"] = "stops at the end of text",
        ["no cache, stop, factor 0.1"] = "factor 0.1",
        ["dual, stop, threshold 0.99, refresh 2, runs 0.9"] = "refresh 2, runs 0.9",
        ["no cache, stop, threshold 0.9"] = "threshold 0.9",
        ["dual, stop, threshold 0.9"] = "threshold 0.9",
        ["dual"] = "one token a step",
    };

    /// <summary>Rows alone (batch 1). The official loop is left out: it was judged on the timed prompts alone.</summary>
    public static string ExactMatchByGain(JsonArray sampler)
    {
        var rows = sampler.Where(row => row!["batch"]!.GetValue<int>() == 1).Select(row => (
            Setting: row!["setting"]!.GetValue<string>(), Gain: row["gain"]!.GetValue<double>(), ExactMatch: 100 * row["exactMatch"]!.GetValue<double>())).ToList();
        ChartSeries Cache(string name, string prefix, string color) => new(name, color, IsLine: false,
        [
            .. rows.Where(row => row.Setting.StartsWith(prefix, StringComparison.Ordinal))
                .Select(row => new ChartPoint(row.Gain, row.ExactMatch, Label: s_labels.GetValueOrDefault(row.Setting))),
        ]);
        return new PointChart("gain in tokens a second over the official loop, one row at a time", "exact match, %", [1, 2, 5, 10, 20, 50, 100, 200], [88, 90, 92, 94, 96, 98],
            [Cache("no cache", "no cache", Blue), Cache("prefix cache", "prefix", Green), Cache("dual cache", "dual", Red)]).ToSvg();
    }

    /// <summary>Pairs of one size are joined by a line.</summary>
    public static string GapOfOneByTokens(JsonArray pairs)
    {
        IEnumerable<ChartSeries> Series(string name, string key, string color, bool isLabelled) =>
            pairs.GroupBy(pair => pair!["parameters"]!.GetValue<double>()).OrderBy(size => size.Key).Select((size, place) => new ChartSeries(place == 0 ? name : null, color, IsLine: true,
            [
                .. size.Select((pair, index) =>
                {
                    double[] estimate = [.. pair!["gap1"]![key]!.AsArray().Select(value => value!.GetValue<double>())];
                    string? label = isLabelled && index == size.Count() - 1 ? FormattableString.Invariant($"{size.Key / 1e6:F2} M") : null;
                    return new ChartPoint(pair["tokens"]!.GetValue<double>() / 1e6, estimate[0], estimate[1], estimate[2], label);
                }),
            ]));
        return new PointChart("millions of training tokens", "gaps of one token filled exactly, %", [1, 2, 5, 10, 20, 50, 100], [10, 20, 30, 40, 50, 60],
        [
            .. Series("diffusion", "diffusion", Blue, isLabelled: true),
            .. Series("twin, from the prefix", "prefix", Red, isLabelled: false),
            .. Series("twin, best of 32 by the suffix", "reranked", "#868e96", isLabelled: false),
        ]).ToSvg();
    }
}
