using LLaDA.Diffusion.Autoregression;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>A question whose answers are given.</summary>
/// <param name="Prompt">From the beginning of text on, at least one token.</param>
/// <param name="Answers">At least two, each at least one token.</param>
/// <param name="Right">Index of the right one.</param>
public sealed record ChoiceQuestion(int[] Prompt, IReadOnlyList<int[]> Answers, int Right);

/// <summary>Questions that are answered by likelihood: of whole answers, in nats, not divided by their length.</summary>
public static class MultipleChoice
{
    /// <param name="options">Of the estimate; an answer of one token needs one pattern and is given no more.</param>
    /// <returns>By question and answer.</returns>
    public static IReadOnlyList<double[]> Diffusion(MaskPredictor model, IReadOnlyList<ChoiceQuestion> questions, LikelihoodOptions options, int maxTokens)
    {
        var estimator = new LikelihoodEstimator(model, maxTokens);
        return [.. questions.Select(question => (double[])
            [.. question.Answers.Select(answer => estimator.LogLikelihood(question.Prompt, answer, answer.Length == 1 ? options with { NumSamples = 1 } : options))])];
    }

    /// <returns>By question and answer.</returns>
    public static IReadOnlyList<double[]> Twin(MaskPredictor model, IReadOnlyList<ChoiceQuestion> questions, int maxTokens)
    {
        var likelihood = new CausalLikelihood(model, maxTokens);
        return [.. questions.Select(question =>
            likelihood.LogLikelihoods([.. question.Answers.Select(answer => new AnsweredRow(question.Prompt, answer))]))];
    }

    /// <summary>How often the likeliest answer is the right one, the earliest among equals.</summary>
    public static Proportion Accuracy(IReadOnlyList<ChoiceQuestion> questions, IReadOnlyList<double[]> likelihoods) =>
        Proportion.Of(questions.Zip(likelihoods, (question, values) => Array.IndexOf(values, values.Max()) == question.Right));

    /// <summary>Takes the mean over all questions out of each answer's likelihoods (batch calibration, Zhou et al. 2023): what a model prefers whatever is asked decides no longer. For questions with the same answers, each as often right.</summary>
    public static IReadOnlyList<double[]> Calibrated(IReadOnlyList<double[]> likelihoods)
    {
        double[] means = [.. Enumerable.Range(0, likelihoods[0].Length).Select(answer => likelihoods.Average(values => values[answer]))];
        return [.. likelihoods.Select(values => (double[])[.. values.Zip(means, (value, mean) => value - mean)])];
    }
}
