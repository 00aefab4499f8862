using LLaDA.Diffusion.Autoregression;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>A question whose answers are given.</summary>
/// <param name="Prompt">From the beginning of text on, at least one token.</param>
/// <param name="Answers">At least two, each at least one token.</param>
/// <param name="Right">Index of the right one.</param>
public sealed record ChoiceQuestion(int[] Prompt, IReadOnlyList<int[]> Answers, int Right);

/// <summary>How often the likeliest answer is the right one, the earliest among equals. Likelihoods are of whole answers, not divided by their length.</summary>
public static class MultipleChoice
{
    /// <param name="options">Of the estimate; an answer of one token needs one pattern and is given no more.</param>
    public static Proportion Diffusion(MaskPredictor model, IReadOnlyList<ChoiceQuestion> questions, LikelihoodOptions options, int maxTokens)
    {
        var estimator = new LikelihoodEstimator(model, maxTokens);
        return Proportion.Of(questions.Select(question => IsRight(question,
            [.. question.Answers.Select(answer => estimator.LogLikelihood(question.Prompt, answer, answer.Length == 1 ? options with { NumSamples = 1 } : options))])));
    }

    public static Proportion Twin(MaskPredictor model, IReadOnlyList<ChoiceQuestion> questions, int maxTokens)
    {
        var likelihood = new CausalLikelihood(model, maxTokens);
        return Proportion.Of(questions.Select(question => IsRight(question,
            likelihood.LogLikelihoods([.. question.Answers.Select(answer => ((IReadOnlyList<int>)question.Prompt, (IReadOnlyList<int>)answer))]))));
    }

    private static bool IsRight(ChoiceQuestion question, double[] likelihoods) => Array.IndexOf(likelihoods, likelihoods.Max()) == question.Right;
}
