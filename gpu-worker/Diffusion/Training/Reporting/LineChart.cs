using System.Net;
using System.Text;

namespace LLaDA.Diffusion.Training.Reporting;

/// <summary>One curve of a chart.</summary>
/// <param name="Name">Stands in the legend; null for an only curve.</param>
/// <param name="Color">As SVG writes it.</param>
internal sealed record Curve(string? Name, string Color, IReadOnlyList<(double X, double Y)> Points);

/// <summary>Curves over one pair of axes, as a piece of SVG.</summary>
internal sealed record LineChart(string Title, IReadOnlyList<Curve> Curves)
{
    public const int Width = 800, Height = 230;

    private const int Left = 70, Right = 20, Top = 30, Bottom = 30, NumTicks = 5;

    /// <param name="y">Where the chart begins.</param>
    public void AppendTo(StringBuilder svg, int y)
    {
        (double X, double Y)[] points = [.. Curves.SelectMany(curve => curve.Points).Where(point => double.IsFinite(point.Y))];
        if (points.Length == 0)
            return;
        var (minX, maxX) = Range(points.Select(point => point.X));
        var (minY, maxY) = Range(points.Select(point => point.Y));
        double PlaceX(double value) => Left + ((value - minX) / (maxX - minX) * (Width - Left - Right));
        double PlaceY(double value) => y + Height - Bottom - ((value - minY) / (maxY - minY) * (Height - Top - Bottom));

        svg.Append($"""<text x="{Left}" y="{y + 18}" font-weight="bold">{WebUtility.HtmlEncode(Title)}</text>""").Append('\n');
        for (int tick = 0; tick < NumTicks; tick++)
        {
            double x = minX + ((maxX - minX) * tick / (NumTicks - 1)), value = minY + ((maxY - minY) * tick / (NumTicks - 1));
            svg.Append($"""<line x1="{Left}" x2="{Width - Right}" y1="{PlaceY(value):F1}" y2="{PlaceY(value):F1}" stroke="#e5e8eb"/>""");
            svg.Append($"""<text x="{Left - 6}" y="{PlaceY(value) + 4:F1}" text-anchor="end">{value:G3}</text>""");
            svg.Append($"""<text x="{PlaceX(x):F1}" y="{y + Height - Bottom + 18}" text-anchor="middle">{x:G4}</text>""").Append('\n');
        }
        int legend = Width - Right;
        foreach (var curve in Curves.Where(curve => curve.Points.Count > 0))
        {
            var places = curve.Points.Where(point => double.IsFinite(point.Y))
                .Select(point => $"{PlaceX(point.X):F1},{PlaceY(point.Y):F1}");
            string line = string.Join(' ', places);
            svg.Append($"""<polyline fill="none" stroke="{curve.Color}" stroke-width="1.5" points="{line}"/>""").Append('\n');
            if (curve.Name is { } name)
            {
            {
                string label = WebUtility.HtmlEncode(name);
                svg.Append($"""<text x="{legend}" y="{y + 18}" text-anchor="end" fill="{curve.Color}">{label}</text>""").Append('\n');
            }
                legend -= 160;
            }
        }
    }

    /// <summary>With some width, even where all values are one.</summary>
    private static (double Min, double Max) Range(IEnumerable<double> values)
    {
        double min = values.Min(), max = values.Max();
        double margin = max > min ? 0 : Math.Max(Math.Abs(max) / 10, 1e-12);
        return (min - margin, max + margin);
    }
}
