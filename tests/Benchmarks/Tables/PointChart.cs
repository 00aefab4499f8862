using System.Globalization;
using System.Net;
using System.Text;

namespace LLaDA.Batch.Benchmarks.Tables;

/// <param name="Low">The lower end of the interval, as <paramref name="High"/> is its upper end; null where there is none.</param>
/// <param name="Label">Stands beside the point.</param>
internal sealed record ChartPoint(double X, double Y, double? Low = null, double? High = null, string? Label = null);

/// <param name="Name">Stands in the legend; null for a series that shares another one's entry.</param>
internal sealed record ChartSeries(string? Name, string Color, bool IsLine, IReadOnlyList<ChartPoint> Points);

/// <summary>Points over a logarithmic x axis, as an SVG file.</summary>
/// <param name="XTicks">From the least to the greatest x that is shown.</param>
internal sealed record PointChart(string XTitle, string YTitle, IReadOnlyList<double> XTicks, IReadOnlyList<double> YTicks, IReadOnlyList<ChartSeries> Series)
{
    private const int Width = 800, Height = 420, Left = 70, Right = 60, Top = 40, Bottom = 55, LegendWidth = 230;

    public string ToSvg()
    {
        var svg = new StringBuilder();
        Add(svg, $"""<svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{Height}" font-family="sans-serif" font-size="12">""");
        Add(svg, $"""<rect width="100%" height="100%" fill="white"/>""");
        foreach (double tick in YTicks)
        {
            Add(svg, $"""<line x1="{Left}" x2="{Width - Right}" y1="{PlaceY(tick):F1}" y2="{PlaceY(tick):F1}" stroke="#e5e8eb"/>""");
            Add(svg, $"""<text x="{Left - 8}" y="{PlaceY(tick) + 4:F1}" text-anchor="end">{tick}</text>""");
        }
        foreach (double tick in XTicks)
        {
            Add(svg, $"""<line x1="{PlaceX(tick):F1}" x2="{PlaceX(tick):F1}" y1="{Top}" y2="{Height - Bottom}" stroke="#e5e8eb"/>""");
            Add(svg, $"""<text x="{PlaceX(tick):F1}" y="{Height - Bottom + 18}" text-anchor="middle">{tick}</text>""");
        }
        Add(svg, $"""<text x="{(Left + Width - Right) / 2}" y="{Height - 12}" text-anchor="middle">{Encode(XTitle)}</text>""");
        Add(svg, $"""<text transform="translate(18 {(Top + Height - Bottom) / 2}) rotate(-90)" text-anchor="middle">{Encode(YTitle)}</text>""");
        foreach (var series in Series)
            AddSeries(svg, series);
        foreach (var (index, series) in Series.Where(series => series.Name is not null).Index())
            Add(svg, $"""<text x="{Left + (index * LegendWidth)}" y="20" fill="{series.Color}" font-weight="bold">{Encode(series.Name!)}</text>""");
        return svg.Append("</svg>\n").ToString();
    }

    private void AddSeries(StringBuilder svg, ChartSeries series)
    {
        if (series.IsLine && series.Points.Count > 1)
        {
            string places = string.Join(' ', series.Points.Select(point => FormattableString.Invariant($"{PlaceX(point.X):F1},{PlaceY(point.Y):F1}")));
            Add(svg, $"""<polyline fill="none" stroke="{series.Color}" stroke-width="1.5" points="{places}"/>""");
        }
        foreach (var point in series.Points)
        {
            double x = PlaceX(point.X), y = PlaceY(point.Y);
            if (point is { Low: { } low, High: { } high })
                Add(svg, $"""<line x1="{x:F1}" x2="{x:F1}" y1="{PlaceY(low):F1}" y2="{PlaceY(high):F1}" stroke="{series.Color}"/>""");
            Add(svg, $"""<circle cx="{x:F1}" cy="{y:F1}" r="4" fill="{series.Color}"/>""");
            if (point.Label is { } label)
                Add(svg, $"""<text x="{x + 8:F1}" y="{y + 15:F1}" fill="{series.Color}" font-size="11">{Encode(label)}</text>""");
        }
    }

    private double PlaceX(double value) => Left + (Math.Log(value / XTicks[0]) / Math.Log(XTicks[^1] / XTicks[0]) * (Width - Left - Right));

    private double PlaceY(double value) => Height - Bottom - ((value - YTicks[0]) / (YTicks[^1] - YTicks[0]) * (Height - Top - Bottom));

    private static void Add(StringBuilder svg, FormattableString element) => svg.Append(element.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
