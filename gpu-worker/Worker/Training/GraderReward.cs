using System.Text.Json;
using LLaDA.Batch.Shared.Grading;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training.Bounds;

namespace LLaDA.Batch.Worker.Training;

/// <summary>
/// The rewards of a grader: answers are judged as text without spaces around it, and likelihoods are those of the model that the training
/// began with. Used on the thread of the model.
/// </summary>
internal sealed class GraderReward(Grader grader, LLaDATokenizer tokenizer, IReferenceModel reference)
{
    /// <summary>An <see cref="LLaDA.Diffusion.Training.Reinforcement.AnswerReward"/>.</summary>
    public double Of(DataLine line, IReadOnlyList<int> answer)
    {
        using var item = JsonDocument.Parse(line.Text);
        return grader.Grade(new GradedAnswer(item.RootElement, tokenizer.Decode(answer).Trim(), Likelihood));
    }

    /// <summary>Of the prompt as much of the end counts as fits the context. An empty completion has likelihood 0.</summary>
    /// <returns>Not a number where the completion itself does not fit.</returns>
    private double Likelihood(string prompt, string completion, int numSamples) => reference.Run(model =>
    {
        var scored = tokenizer.Encode(completion);
        int room = model.Config.ContextLength - scored.Count;
        if (scored.Count == 0 || room < 0)
            return scored.Count == 0 ? 0 : double.NaN;
        int[] given = [.. tokenizer.BeginningOfText, .. tokenizer.Encode(prompt)];
        var estimator = new LikelihoodEstimator(model, Math.Max(PassBudget.MaxTokensOnCpu, model.Config.ContextLength));
        double bound = estimator.LogLikelihood(
            given[Math.Max(0, given.Length - room)..], scored, new LikelihoodOptions { NumSamples = numSamples });
        return Math.Exp(bound / scored.Count);
    });
}
