using System.Text;

namespace LLaDA.Diffusion.Training.Reporting;

/// <summary>
/// Draws the metrics of a run as <c>curves.svg</c> beside them: loss and bound, learning rate, norm of the gradient, tokens a second.
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
        IReadOnlyList<(double, double)> Curve(Func<TrainingMetrics, double> value) => Averaged(metrics, value);
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

    /// <summary>The means of equal stretches of a long run, so that a curve stays readable and its file small.</summary>
    private static List<(double Step, double Value)> Averaged(List<TrainingMetrics> metrics, Func<TrainingMetrics, double> value) =>
        [.. metrics.Chunk((metrics.Count + MaxPoints - 1) / MaxPoints)
            .Select(stretch => ((double)stretch[^1].Step, stretch.Average(value)))];
}
