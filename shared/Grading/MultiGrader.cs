using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Grading;

/// <summary>A number that is computed from those of other graders.</summary>
/// <param name="Graders">By the name that the formula uses.</param>
public sealed record MultiGrader(string Name, IReadOnlyDictionary<string, Grader> Graders, Formula Output) : Grader(Name)
{
    private const int MaxGraders = 32;

    public override IEnumerable<GradeTemplate> Templates => Graders.Values.SelectMany(grader => grader.Templates);

    public override double Grade(GradedAnswer answer) => Output.Evaluate(name => Graders[name].Grade(answer));

    internal static MultiGrader Read(JsonReader json, string name)
    {
        var inner = json.Object("graders") ?? throw json.Missing("graders", "is required and must be an object of graders by name");
        string formula = json.Text("calculate_output");
        string[] names = [.. inner.Json.EnumerateObject().Select(property => property.Name)];
        if (names.Length is 0 or > MaxGraders)
            throw json.Invalid("graders", $"must have 1 to {MaxGraders} graders", "invalid_grader");
        Dictionary<string, Grader> graders = [];
        foreach (string key in names)
        {
            if (!Formula.IsName(key))
                throw json.Invalid("graders", $"has the name '{Excerpt.Of(key)}', which a formula cannot use", "invalid_grader");
            graders[key] = ReadAny(inner.Object(key) ?? throw inner.Missing(key, "must be a grader"), depth: 1);
        }
        try
        {
            var output = Formula.Parse(formula, names);
            return output.Names.Count > 0
                ? new MultiGrader(name, graders, output)
                : throw new FormatException("uses no grader, so every answer would be worth the same");
        }
        catch (FormatException fault)
        {
            throw json.Invalid("calculate_output", fault.Message, "invalid_grader");
        }
    }
}
