using LLaDA.Diffusion.Autoregression;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>A question whose answers are given.</summary>
/// <param name="Prompt">From the beginning of text, at least one token.</param>
/// <param name="Answers">At least two, each at least one token.</param>
/// <param name="Right">Index of the right one.</param>
public sealed record ChoiceQuestion(int[] Prompt, IReadOnlyList<int[]> Answers, int Right);

/// <summary>Answers questions by the likelihood of whole answers, in nats, not divided by their length.</summary>
public static class MultipleChoice
{
    /// <param name="options">Of the estimate; an answer of one token takes one pattern, which is exact.</param>
    /// <returns>By question and answer.</returns>
    public static IReadOnlyList<double[]> Diffusion(
        MaskPredictor model, IReadOnlyList<ChoiceQuestion> questions, LikelihoodOptions options, int maxTokens)
    {
        var estimator = new LikelihoodEstimator(model, maxTokens);
        return [.. questions.Select(question => (double[])[.. question.Answers.Select(answer => LogLikelihood(question.Prompt, answer))])];

        double LogLikelihood(int[] prompt, int[] answer) =>
            estimator.LogLikelihood(prompt, answer, answer.Length == 1 ? options with { NumSamples = 1 } : options);
    }

    /// <returns>By question and answer.</returns>
    public static IReadOnlyList<double[]> Twin(MaskPredictor model, IReadOnlyList<ChoiceQuestion> questions, int maxTokens)
    {
        var likelihood = new CausalLikelihood(model, maxTokens);
        return [.. questions.Select(question =>
            likelihood.LogLikelihoods([.. question.Answers.Select(answer => new AnsweredRow(question.Prompt, answer))]))];
    }

    /// <summary>The share of questions whose likeliest answer, the earliest among equals, is the right one.</summary>
    public static Proportion Accuracy(IReadOnlyList<ChoiceQuestion> questions, IReadOnlyList<double[]> likelihoods) =>
        Proportion.Of(questions.Zip(likelihoods, (question, values) => Array.IndexOf(values, values.Max()) == question.Right));

    /// <summary>
    /// Subtracts from each answer's likelihoods their mean over all questions (batch calibration, Zhou et al. 2023), which removes a
    /// preference
    /// that does not depend on the question. For questions with the same answers, each equally often right.
    /// </summary>
    public static IReadOnlyList<double[]> Calibrated(IReadOnlyList<double[]> likelihoods)
    {
        double[] means = [.. Enumerable.Range(0, likelihoods[0].Length).Select(answer => likelihoods.Average(values => values[answer]))];
        return [.. likelihoods.Select(values => (double[])[.. values.Zip(means, (value, mean) => value - mean)])];
    }
}
