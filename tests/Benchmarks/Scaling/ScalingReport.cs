using System.Globalization;
using System.Text;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Training.Reporting;

namespace LLaDA.Batch.Benchmarks.Scaling;

/// <summary>
/// Table, laws and curves of models that were trained on the same tokens. A law is fitted over the sizes, each with its loss after the last
/// step: on the way the learning rate is still high.
/// </summary>
internal sealed record ScalingReport(ScalingRecipe Recipe, IReadOnlyList<Scaled> Models)
{
    private static readonly Dictionary<string, string> s_colors = new(StringComparer.Ordinal)
        { ["diffusion"] = "#1f6feb", ["twin"] = "#d9480f" };

    /// <summary>By kind of model, where there are two sizes at least.</summary>
    public Dictionary<string, PowerLaw> Laws { get; } = Models.GroupBy(model => model.Model).Where(models => models.Count() > 1)
        .ToDictionary(models => models.Key, models => PowerLaw.Fit([.. models.Select(model => (model.Last.Flops, model.Last.Loss))]));

    public string Table()
    {
        var steps = Models[0].Points.Select(point => point.Step);
        var text = new StringBuilder(
            $"| model | parameters | tokens | training FLOPs |{string.Concat(steps.Select(step => $" step {step} |"))} fitted |\n");
        text.Append(string.Concat(Enumerable.Repeat("| --- ", Models[0].Points.Count + 5))).Append("|\n");
        foreach (var model in Models)
        {
            string fitted = Laws.TryGetValue(model.Model, out var law)
                ? law.At(model.Last.Flops).ToString("F3", CultureInfo.InvariantCulture) : "";
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {model.Model} | {model.Parameters / 1e6:F2} M | {model.Last.Tokens / 1e6:F2} M | {model.Last.Flops:0.00e0} |")
                .AppendJoin("", model.Points.Select(point => string.Create(CultureInfo.InvariantCulture, $" {point.Loss:F3} |")))
                    .Append($" {fitted} |\n");
        }
        foreach (var (name, law) in Laws)
            text.Append(
                CultureInfo.InvariantCulture,
                $"{name}: loss = {law.Factor:G4} * FLOPs^{law.Exponent:F4}, over the last points of the sizes\n");
        return text.ToString();
    }

    /// <summary>The rows of the table.</summary>
    public IEnumerable<object> Rows() => Models.Select(model => new
    {
        model.Model,
        model.Parameters,
        model.Last.Tokens,
        model.Last.Flops,
        Losses = model.Points.Select(point => point.Loss),
        Fitted = Laws.TryGetValue(model.Model, out var law) ? law.At(model.Last.Flops) : (double?)null,
    });

    /// <summary>The losses of each run on its way, and the laws.</summary>
    public string Chart()
    {
        var runs = Models
            .Select(model =>
                Curve(model.Width == Models[0].Width ? model.Model : null,
                s_colors[model.Model], model.Points.Select(point => (point.Flops, point.Loss))));
        var laws = Laws.Select(law =>
        {
            double[] flops = [.. Models.Where(model => model.Model == law.Key).Select(model => model.Last.Flops)];
            return Curve($"{law.Key}, fitted", "#868e96", new[] { flops.Min(), flops.Max() }.Select(value => (value, law.Value.At(value))));
        });
        var svg = new StringBuilder(
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{LineChart.Width}\" height=\"{LineChart.Height}\" "
            + $"font-family=\"sans-serif\" font-size=\"11\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        new LineChart("log10: nats by FLOPs", [.. runs, .. laws]).AppendTo(svg, 0);
        return svg.Append("</svg>\n").ToString();
    }

    private static Curve Curve(string? name, string color, IEnumerable<(double Flops, double Loss)> points) =>
        new(name, color, [.. points.Select(point => (Math.Log10(point.Flops), Math.Log10(point.Loss)))]);
}
