using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Families;
using LLaDA.Diffusion.Training.Reinforcement;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training.Reinforcement;

public sealed class RolloutsTests
{
    private const int GroupSize = 4;

    private static readonly ReinforcementOptions s_options = new() { MaxAnswerTokens = 5 };

    [Theory]
    [MemberData(nameof(FamilyModels.Names), MemberType = typeof(FamilyModels))]
    public void Answers_are_those_of_their_own_rows_however_many_share_a_pass(string family)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(FamilyModels.All[family]);

        int[][] together = Sample(model, maxTokens: 2048), few = Sample(model, maxTokens: 20), alone = Sample(model, maxTokens: 1);

        Assert.Equal(together, few);
        Assert.Equal(together, alone);
        var prompts = TinyPrompts.Unequal.Batch(0, 3);
        using var sampler = new Sampler(model);
        ulong seed = new CounterRandom(1).Below(ulong.MaxValue, 2, GroupSize, RandomStream.Rollout);
        int[] second = prompts.Rows[1][..prompts.Ends[1]];
        var row = sampler.Sample([new SamplingRow(
            [.. second, .. Enumerable.Repeat(TinyModel.Mask, 5)], s_options.Sampling(model.Config) with { Seed = seed })]);
        Assert.Equal(row[0].Tokens[second.Length..(second.Length + together[GroupSize].Length)], together[GroupSize]);
    }

    [Fact]
    public void Answers_are_a_function_of_seed_round_and_number()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();

        Assert.Equal(Sample(model), Sample(model));
        Assert.NotEqual(Sample(model), Sample(model, seed: 2));
        Assert.NotEqual(Sample(model), Sample(model, round: 3));
        Assert.Equal(GroupSize, Sample(model).Take(GroupSize).Select(answer => string.Join(' ', answer)).Distinct().Count());
    }

    [Fact]
    public void An_answer_goes_up_to_its_first_end_and_with_it()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Biased((TinyModel.Eos, 1), (TinyModel.Eot, 1));

        int[][] answers = Sample(model);

        Assert.Contains(answers, answer => answer.Length < 5);
        Assert.All(answers, answer => Assert.All(answer[..^1], token => Assert.False(model.Config.IsEnd(token))));
        Assert.All(answers, answer => Assert.True(answer.Length == 5 || model.Config.IsEnd(answer[^1])));
    }

    private static int[][] Sample(MaskPredictor model, int maxTokens = 2048, ulong seed = 1, uint round = 2)
    {
        int[][] answers = new int[3 * GroupSize][];
        var rollouts = new Rollouts(model, s_options, maxTokens, numTokens: null);
        foreach (var turn in rollouts.Turns(TinyPrompts.Unequal.Batch(0, 3), new CounterRandom(seed), round, answers))
            turn();
        return answers;
    }
}
