using System.Xml.Linq;
using LLaDA.Diffusion.Training.Reporting;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class MetricsLogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Resumed_run_takes_back_the_steps_that_it_makes_again()
    {
        Write(0, 1, 2, 3, 4, 5);

        Write(3, 4, 5);

        Assert.Equal([1, 2, 3, 4, 5], MetricsLog.Read(_folder.Path).Select(metrics => metrics.Step));
    }

    [Fact]
    public void Line_that_was_cut_short_ends_the_log()
    {
        Write(0, 1, 2);
        File.AppendAllText(_folder.File(MetricsLog.FileName), """{"step":3,"lo""");

        Assert.Equal([1, 2], MetricsLog.Read(_folder.Path).Select(metrics => metrics.Step));
        Write(2, 3);

        Assert.Equal([1, 2, 3], MetricsLog.Read(_folder.Path).Select(metrics => metrics.Step));
    }

    [Fact]
    public void What_was_written_is_read()
    {
        TrainingMetrics[] lines = [new(1, 1.5, 2.5, 1e-3, 100, 64, null), new(2, 1.25, 2, 2e-3, 110, 128, 1.75, 0.5)];
        using (var log = new MetricsLog(_folder.Path, 0))
        {
            foreach (var line in lines)
                log.Write(line);
        }

        Assert.Equal(lines, MetricsLog.Read(_folder.Path));
    }

    [Fact]
    public void Curves_show_every_metric_over_the_steps()
    {
        using (var log = new MetricsLog(_folder.Path, 0))
        {
            for (int step = 1; step <= 1000; step++)
                log.Write(new TrainingMetrics(step, 1.0 / step, 2, 1e-3, 100, step, step % 100 == 0 ? 0.5 : null));
        }

        TrainingCurves.Draw(_folder.Path);

        var svg = XDocument.Load(_folder.File(TrainingCurves.FileName));
        var lines = svg.Descendants().Where(element => element.Name.LocalName == "polyline").ToList();
        Assert.Equal(5, lines.Count);
        Assert.Equal(10, Points(lines[1]).Count);
        // A thousand steps are drawn as means of equal stretches; the loss falls all the way, which is downward on the page.
        var loss = Points(lines[0]);
        Assert.InRange(loss.Count, 200, 400);
        Assert.Equal(loss.OrderBy(point => point.X), loss);
        Assert.Equal(loss.OrderBy(point => point.Y), loss);
        foreach (var (x, y) in lines.SelectMany(Points))
            Assert.True(x is >= 0 and <= 800 && y is >= 0 and <= 920);
    }

    [Fact]
    public void Run_without_steps_has_no_curves()
    {
        TrainingCurves.Draw(_folder.Path);

        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    private void Write(int done, params int[] steps)
    {
        using var log = new MetricsLog(_folder.Path, done);
        foreach (int step in steps)
            log.Write(new TrainingMetrics(step, 1, 1, 1, 1, step, null));
    }

    private static List<(double X, double Y)> Points(XElement line) =>
        [.. line.Attribute("points")!.Value.Split(' ').Select(point => point.Split(','))
            .Select(pair => (double.Parse(pair[0]), double.Parse(pair[1])))];
}
