using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Grading;

/// <summary>
/// How probable the model that the job began with finds a text behind another one: the geometric mean of its tokens' probabilities, 0 to 1.
/// </summary>
/// <param name="NumSamples">Mask patterns that the estimate averages over.</param>
public sealed record LikelihoodGrader(string Name, GradeTemplate Prompt, GradeTemplate Completion, int NumSamples) : Grader(Name)
{
    private const int DefaultSamples = 16, MaxSamples = 256;

    public override IEnumerable<GradeTemplate> Templates => [Prompt, Completion];

    public override double Grade(GradedAnswer answer) => answer.Likelihood(Prompt.Fill(answer), Completion.Fill(answer), NumSamples);

    internal static LikelihoodGrader Read(JsonReader json, string name) => new(
        name, ReadTemplate(json, "prompt"), ReadTemplate(json, "completion"),
        json.Integer("num_samples", 1, MaxSamples) ?? DefaultSamples);
}
