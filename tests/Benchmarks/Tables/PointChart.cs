using System.Globalization;
using System.Net;
using System.Text;

namespace LLaDA.Batch.Benchmarks.Tables;

/// <param name="Low">The lower end of the interval, as <paramref name="High"/> is its upper end; null where there is none.</param>
/// <param name="Label">Stands beside the point.</param>
internal sealed record ChartPoint(double X, double Y, double? Low = null, double? High = null, string? Label = null);

/// <param name="Name">Stands in the legend; null for a series that shares another one's entry.</param>
/// <param name="Color">In the notation of SVG.</param>
internal sealed record ChartSeries(string? Name, string Color, bool IsLine, IReadOnlyList<ChartPoint> Points);

/// <summary>Points over a logarithmic x axis, as an SVG file.</summary>
/// <param name="XTicks">From the least to the greatest x that is shown, as <paramref name="YTicks"/> for y.</param>
internal sealed record PointChart(
    string XTitle, string YTitle, IReadOnlyList<double> XTicks, IReadOnlyList<double> YTicks, IReadOnlyList<ChartSeries> Series)
{
    private const int Width = 800, Height = 420, LegendWidth = 230, Radius = 4;
    private const int Left = 70, Right = Width - 60, Top = 40, Bottom = Height - 55;
    private const string Grid = "#e5e8eb";

    public string ToSvg()
    {
        var svg = new StringBuilder();
        Add(svg, $"""<svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{Height}" font-family="sans-serif" font-size="12">""");
        Add(svg, $"""<rect width="100%" height="100%" fill="white"/>""");
        AddAxes(svg);
        foreach (var series in Series)
            AddSeries(svg, series);
        foreach (var (index, series) in Series.Where(series => series.Name is not null).Index())
        {
            string name = WebUtility.HtmlEncode(series.Name)!;
            Add(svg, $"""<text x="{Left + (index * LegendWidth)}" y="20" fill="{series.Color}">{name}</text>""");
        }
        return svg.Append("</svg>\n").ToString();
    }

    private void AddAxes(StringBuilder svg)
    {
        foreach (double tick in YTicks)
        {
            double y = PlaceY(tick);
            Add(svg, $"""<line x1="{Left}" x2="{Right}" y1="{y:F1}" y2="{y:F1}" stroke="{Grid}"/>""");
            Add(svg, $"""<text x="{Left - 8}" y="{y + 4:F1}" text-anchor="end">{tick}</text>""");
        }
        foreach (double tick in XTicks)
        {
            double x = PlaceX(tick);
            Add(svg, $"""<line x1="{x:F1}" x2="{x:F1}" y1="{Top}" y2="{Bottom}" stroke="{Grid}"/>""");
            Add(svg, $"""<text x="{x:F1}" y="{Bottom + 18}" text-anchor="middle">{tick}</text>""");
        }
        string xTitle = WebUtility.HtmlEncode(XTitle), yTitle = WebUtility.HtmlEncode(YTitle);
        Add(svg, $"""<text x="{(Left + Right) / 2}" y="{Height - 12}" text-anchor="middle">{xTitle}</text>""");
        Add(svg, $"""<text transform="translate(18 {(Top + Bottom) / 2}) rotate(-90)" text-anchor="middle">{yTitle}</text>""");
    }

    private void AddSeries(StringBuilder svg, ChartSeries series)
    {
        string color = series.Color;
        if (series.IsLine && series.Points.Count > 1)
        {
            var places = series.Points.Select(point => FormattableString.Invariant($"{PlaceX(point.X):F1},{PlaceY(point.Y):F1}"));
            Add(svg, $"""<polyline fill="none" stroke="{color}" stroke-width="1.5" points="{string.Join(' ', places)}"/>""");
        }
        foreach (var point in series.Points)
        {
            double x = PlaceX(point.X), y = PlaceY(point.Y);
            if (point is { Low: { } low, High: { } high })
                Add(svg, $"""<line x1="{x:F1}" x2="{x:F1}" y1="{PlaceY(low):F1}" y2="{PlaceY(high):F1}" stroke="{color}"/>""");
            Add(svg, $"""<circle cx="{x:F1}" cy="{y:F1}" r="{Radius}" fill="{color}"/>""");
            if (point.Label is { } label)
                Add(svg, $"""<text x="{x + 8:F1}" y="{y + 15:F1}" fill="{color}" font-size="11">{WebUtility.HtmlEncode(label)}</text>""");
        }
    }

    private double PlaceX(double value) => Left + (Math.Log(value / XTicks[0]) / Math.Log(XTicks[^1] / XTicks[0]) * (Right - Left));

    private double PlaceY(double value) => Bottom - ((value - YTicks[0]) / (YTicks[^1] - YTicks[0]) * (Bottom - Top));

    private static void Add(StringBuilder svg, FormattableString element) =>
        svg.Append(element.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
