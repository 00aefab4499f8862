using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Evaluation;

public sealed class AnswerMatchTests
{
    private const int Eos = TinyModel.Eos, Eot = TinyModel.Eot;

    private static readonly AnsweredPrompt[] s_examples =
    [
        new(1, [5, 6], [1, 1, 1, Eot, Eos]),
        new(1, [5], [1, 1, Eot, Eos]),
        new(1, [5], [1, 2, 1, Eos]),
        new(1, [5, 6, 7], [1, 1, 1, 1, Eot, Eos]),
    ];

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 1)]
    [InlineData(5, 0)]
    public void All_of_an_answer_must_come_and_nothing_behind_it(int maxTokens, int numMatches)
    {
        using var model = TinyModel.Predicting(0, 5);      // token 1, everywhere

        Assert.Equal(new Proportion(numMatches, 4), AnswerMatch.Diffusion(model, s_examples, maxTokens, new SamplingOptions()));
    }

    [Theory]
    [InlineData(Eos)]
    [InlineData(Eot)]
    public void What_is_filled_in_ends_at_the_first_end_of_text_or_turn(int end)
    {
        using var model = TinyModel.Biased((end, 60));
        AnsweredPrompt[] examples = [new(1, [5], [1, Eos]), new(1, [5], [Eos]), new(1, [5], [Eot, Eos])];

        Assert.Equal(new Proportion(2, 3), AnswerMatch.Diffusion(model, examples, 8, new SamplingOptions { StopsAtEos = true }));
    }

    [Fact]
    public void Masks_stop_where_the_context_does()
    {
        using var model = TinyModel.Predicting(0, 5);
        int[] prompt = [.. Enumerable.Repeat(3, TinyModel.Config.MaxSequenceLength - 2)];

        Assert.Equal(new Proportion(1, 1), AnswerMatch.Diffusion(model, [new(1, prompt, [1, 1])], 8, new SamplingOptions()));
        Assert.Throws<ArgumentException>(
            "prompt", () => AnswerMatch.Diffusion(model, [new(1, [.. prompt, 3, 3], [])], 8, new SamplingOptions()));
        Assert.Throws<ArgumentOutOfRangeException>("maxTokens", () => AnswerMatch.Diffusion(model, [], 0, new SamplingOptions()));
    }
}
