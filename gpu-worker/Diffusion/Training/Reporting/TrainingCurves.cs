using System.Text;

namespace LLaDA.Diffusion.Training.Reporting;

/// <summary>
/// Draws the metrics of a run as <c>curves.svg</c> beside them: loss and bound, learning rate, norm of the gradient, tokens a
/// second, and what the method measures.
/// </summary>
public static class TrainingCurves
{
    public const string FileName = "curves.svg";

    private const int MaxPoints = 400;

    public static void Draw(string folder)
    {
        var metrics = MetricsLog.Read(folder).ToList();
        if (metrics.Count == 0)
            return;
        IReadOnlyList<(double, double)> Curve(Func<TrainingMetrics, double> value) =>
            Averaged(metrics, line => line.Step, value);
        LineChart[] charts =
        [
            new("loss, nats a token",
            [
                new("loss of the steps", "#9aa5b1", Curve(line => line.Loss)),
                new("bound on held-out text", "#c0392b",
                    [.. metrics.Where(line => line.ValidationLoss is not null)
                        .Select(line => ((double)line.Step, line.ValidationLoss!.Value))]),
            ]),
            new("learning rate", [new(null, "#2c6fbb", Curve(line => line.LearningRate))]),
            new("norm of the gradient, before clipping", [new(null, "#2c6fbb", Curve(line => line.GradNorm))]),
            new("tokens a second", [new(null, "#2c6fbb", Curve(line => line.TokensPerSecond))]),
            .. MeasureCharts(metrics),
        ];

        var svg = new StringBuilder();
        string size = $"""width="{LineChart.Width}" height="{charts.Length * LineChart.Height}" """;
        svg.Append($"""<svg xmlns="http://www.w3.org/2000/svg" {size}font-family="sans-serif" font-size="12">""")
            .Append("""<rect width="100%" height="100%" fill="white"/>""").Append('\n');
        foreach (var (index, chart) in charts.Index())
            chart.AppendTo(svg, index * LineChart.Height);
        svg.Append("</svg>\n");
        string path = Path.Combine(folder, FileName), temporary = path + ".partial";
        File.WriteAllText(temporary, svg.ToString());
        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>One for each measure of the method, in the order of their names.</summary>
    private static IEnumerable<LineChart> MeasureCharts(List<TrainingMetrics> metrics) => metrics
        .SelectMany(line => line.Measures ?? new Dictionary<string, double>(), (line, measure) => (line.Step, measure.Key, measure.Value))
        .GroupBy(point => point.Key, StringComparer.Ordinal).OrderBy(measure => measure.Key, StringComparer.Ordinal)
        .Select(measure => new LineChart(measure.Key.Replace('_', ' '), [new(null, "#2c6fbb", Averaged(
            [.. measure], point => point.Step, point => point.Value))]));

    /// <summary>The means of equal stretches of a long run, so that a curve stays readable and its file small.</summary>
    private static List<(double Step, double Value)> Averaged<T>(List<T> lines, Func<T, int> step, Func<T, double> value) =>
        [.. lines.Chunk((lines.Count + MaxPoints - 1) / MaxPoints)
            .Select(stretch => ((double)step(stretch[^1]), stretch.Average(value)))];
}
