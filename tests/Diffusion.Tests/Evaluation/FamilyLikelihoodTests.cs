using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Evaluation;

/// <summary>Likelihoods of block-causal models, and of those with shifted logits.</summary>
public sealed class FamilyLikelihoodTests
{
    private static readonly int[] s_prompt = [1, 2, 3, 4, 5, 6];
    private static readonly int[] s_answer = [7, 8, 9, 10, 11];

    [Fact]
    public void With_blocks_of_one_token_it_is_the_sum_over_passes_with_one_mask_behind_the_text()
    {
        using var model = TinyModel.Random(TinyModel.Config with { Family = ModelFamilies.Sdar, BlockLength = 1 });

        double estimate = new LikelihoodEstimator(model, 4096).LogLikelihood(s_prompt, s_answer, new() { NumSamples = 1 });

        double expected = Enumerable.Range(0, s_answer.Length).Sum(
            index => LogProbability(model, [.. s_prompt, .. s_answer[..index], TinyModel.Mask], s_prompt.Length + index, s_answer[index]));
        Assert.Equal(expected, estimate, 1e-4);
    }

    /// <summary>The bound of a block of two tokens has three patterns, so its expectation can be written down.</summary>
    [Fact]
    public void Blocks_are_bounded_one_by_one_behind_the_unmasked_text()
    {
        const int m = TinyModel.Mask;
        using var model = TinyModel.Random(TinyModel.Config with { Family = ModelFamilies.Sdar, BlockLength = 2 });

        var options = new LikelihoodOptions { NumSamples = 2000, Seed = 5 };
        double estimate = new LikelihoodEstimator(model, 4096).LogLikelihood(s_prompt, s_answer[..4], options);

        double Log(int[] canvas, int index) => LogProbability(model, [.. s_prompt, .. canvas], s_prompt.Length + index, s_answer[index]);
        double first = ((Log([7, m], 1) + Log([m, 8], 0)) + Log([m, m], 0) + Log([m, m], 1)) / 2;
        double second = (Log([7, 8, 9, m], 3) + Log([7, 8, m, 10], 2) + Log([7, 8, m, m], 2) + Log([7, 8, m, m], 3)) / 2;
        Assert.Equal(first + second, estimate, 0.02 * Math.Abs(estimate));
    }

    [Fact]
    public void The_prompts_tail_is_seen_in_the_first_block_of_the_answer()
    {
        using var model = TinyModel.Random(TinyModel.Config with { Family = ModelFamilies.LLaDA2, BlockLength = 4 });

        double estimate = new LikelihoodEstimator(model, 4096).LogLikelihood(s_prompt, s_answer[..1], new() { NumSamples = 3 });

        Assert.Equal(LogProbability(model, [.. s_prompt, TinyModel.Mask], s_prompt.Length, s_answer[0]), estimate, 1e-4);
    }

    [Fact]
    public void Shifted_logits_predict_the_token_behind_their_place()
    {
        using var model = TinyModel.Random(TinyModel.Config with { Family = ModelFamilies.Dream });

        double estimate = new LikelihoodEstimator(model, 4096).LogLikelihood(s_prompt, s_answer[..1], new() { NumSamples = 1 });

        double expected = LogProbability(model, [.. s_prompt, TinyModel.Mask], s_prompt.Length - 1, s_answer[0]);
        Assert.Equal(expected, estimate, 1e-4);
    }

    [Fact]
    public void The_number_of_patterns_in_a_pass_changes_nothing()
    {
        using var model = TinyModel.Random(TinyModel.Config with { Family = ModelFamilies.Sdar, BlockLength = 4 });

        double Estimate(int maxTokens) =>
            new LikelihoodEstimator(model, maxTokens).LogLikelihood(s_prompt, s_answer, new() { NumSamples = 12, CfgScale = 0.5 });

        Assert.Equal(Estimate(4096), Estimate(1), 1e-4);
    }

    /// <param name="place">Whose logits are read.</param>
    private static double LogProbability(MaskPredictor model, int[] canvas, int place, int token)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var logits = model.call(TinyModel.Canvas([.. canvas.Select(id => (long)id)]));
        return nn.functional.log_softmax(logits[0, place], -1)[token].item<float>();
    }
}
