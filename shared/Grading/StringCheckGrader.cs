using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Grading;

/// <summary>How <see cref="StringCheckGrader"/> compares.</summary>
public enum StringCheck
{
    /// <summary>Equal.</summary>
    Eq,

    /// <summary>Not equal.</summary>
    Ne,

    /// <summary>The input contains the reference.</summary>
    Like,

    /// <summary>The same without regard to case.</summary>
    Ilike,
}

/// <summary>1 where two texts compare as asked, else 0.</summary>
public sealed record StringCheckGrader(string Name, StringCheck Operation, GradeTemplate Input, GradeTemplate Reference) : Grader(Name)
{
    public override IEnumerable<GradeTemplate> Templates => [Input, Reference];

    public override double Grade(GradedAnswer answer)
    {
        var (input, reference) = (Input.Fill(answer), Reference.Fill(answer));
        bool holds = Operation switch
        {
            StringCheck.Eq => input == reference,
            StringCheck.Ne => input != reference,
            StringCheck.Like => input.Contains(reference, StringComparison.Ordinal),
            _ => input.Contains(reference, StringComparison.OrdinalIgnoreCase),
        };
        return holds ? 1 : 0;
    }

    internal static StringCheckGrader Read(JsonReader json, string name) => new(
        name,
        json.Choice<StringCheck>("operation") ?? throw json.Missing("operation", "is required: 'eq', 'ne', 'like' or 'ilike'"),
        ReadTemplate(json, "input"),
        ReadTemplate(json, "reference"));
}
