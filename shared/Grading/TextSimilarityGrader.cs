using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Grading;

/// <summary>How alike two texts are, 0 to 1, by a measure of <see cref="TextMeasures"/>.</summary>
public sealed record TextSimilarityGrader(string Name, string Metric, GradeTemplate Input, GradeTemplate Reference) : Grader(Name)
{
    private static readonly Dictionary<string, Func<string, string, double>> s_measures = new()
    {
        ["fuzzy_match"] = TextMeasures.FuzzyMatch,
        ["bleu"] = TextMeasures.Bleu,
        ["gleu"] = TextMeasures.Gleu,
        ["rouge_1"] = (input, reference) => TextMeasures.Rouge(input, reference, 1),
        ["rouge_2"] = (input, reference) => TextMeasures.Rouge(input, reference, 2),
        ["rouge_3"] = (input, reference) => TextMeasures.Rouge(input, reference, 3),
        ["rouge_4"] = (input, reference) => TextMeasures.Rouge(input, reference, 4),
        ["rouge_5"] = (input, reference) => TextMeasures.Rouge(input, reference, 5),
        ["rouge_l"] = TextMeasures.RougeL,
    };

    public override IEnumerable<GradeTemplate> Templates => [Input, Reference];

    public override double Grade(GradedAnswer answer) => s_measures[Metric](Input.Fill(answer), Reference.Fill(answer));

    private static string Rule(string metric) => metric is "meteor" or "cosine"
        ? $"is '{metric}', which is not offered"
        : $"must be one of {string.Join(", ", s_measures.Keys)}";

    internal static TextSimilarityGrader Read(JsonReader json, string name)
    {
        string metric = json.Text("evaluation_metric");
        return s_measures.ContainsKey(metric)
            ? new TextSimilarityGrader(name, metric, ReadTemplate(json, "input"), ReadTemplate(json, "reference"))
            : throw json.Invalid("evaluation_metric", Rule(metric), "invalid_grader");
    }
}
