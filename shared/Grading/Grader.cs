using System.Globalization;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Grading;

/// <summary>
/// Judges answers by a number, in OpenAI's shapes: <c>string_check</c>, <c>text_similarity</c> and <c>multi</c>, and of this service
/// <c>likelihood</c>.
/// </summary>
/// <param name="Name">Given by the client; unique within a <c>multi</c>.</param>
public abstract record Grader(string Name)
{
    private const int MaxText = 16_384;

    private static readonly string[] s_notOffered = ["score_model", "label_model", "python", "endpoint"];

    /// <summary>The texts that it compares.</summary>
    public abstract IEnumerable<GradeTemplate> Templates { get; }

    /// <returns>A number; not finite where it cannot be computed.</returns>
    /// <exception cref="FormatException">The line lacks a value (<see cref="Missing"/>).</exception>
    public abstract double Grade(GradedAnswer answer);

    /// <returns>The first place of the templates that a line has no value for; null where it has all.</returns>
    public string? Missing(JsonElement item) =>
        Templates.Select(template => template.Missing(item)).FirstOrDefault(place => place is not null);

    /// <summary>
    /// Why answers to a line could not be judged, as a sentence; null where they can. Tried with an empty answer, since those that a model
    /// gives are not known yet.
    /// </summary>
    /// <param name="line">JSON of an object.</param>
    public string? Fault(string line)
    {
        using var item = JsonDocument.Parse(line);
        if (Missing(item.RootElement) is { } place)
            return $"{place} is missing, which the grader uses";
        double grade = Grade(new GradedAnswer(item.RootElement, "", static (_, _, _) => 0.5));
        return double.IsFinite(grade)
            ? null
            : string.Create(CultureInfo.InvariantCulture, $"the grader gives {grade} for an empty answer; it must be a finite number");
    }

    /// <summary>Reads a grader, and refuses one that could not tell two answers apart.</summary>
    public static Grader Read(JsonReader json)
    {
        var grader = ReadAny(json, depth: 0);
        return grader.Templates.Any(template => template.UsesOutput)
            ? grader
            : throw json.Invalid("type", "looks at no answer: a template must have {{ sample.output_text }}", "invalid_grader");
    }

    /// <param name="depth">Of the graders around it.</param>
    internal static Grader ReadAny(JsonReader json, int depth)
    {
        string name = json.OptionalText("name") ?? "";
        string type = json.Text("type");
        Grader read = type switch
        {
            "string_check" => StringCheckGrader.Read(json, name),
            "text_similarity" => TextSimilarityGrader.Read(json, name),
            "likelihood" => LikelihoodGrader.Read(json, name),
            "multi" when depth == 0 => MultiGrader.Read(json, name),
            "multi" => throw json.Invalid("type", "cannot be 'multi' inside of another one", "invalid_grader"),
            _ when s_notOffered.Contains(type) => throw json.Invalid("type", $"is '{type}', which is not offered", "invalid_grader"),
            _ => throw json.Invalid(
                "type", "must be 'string_check', 'text_similarity', 'likelihood' or 'multi'", "invalid_grader"),
        };
        json.RequireNothingElse();
        return read;
    }

    internal static GradeTemplate ReadTemplate(JsonReader json, string name)
    {
        string text = json.OptionalText(name) ?? throw json.Missing(name, "is required and must be a string");
        if (text.Length > MaxText)
            throw json.Invalid(name, $"must have at most {MaxText} characters", "invalid_grader");
        try
        {
            return GradeTemplate.Parse(text);
        }
        catch (FormatException fault)
        {
            throw json.Invalid(name, fault.Message, "invalid_grader");
        }
    }
}
