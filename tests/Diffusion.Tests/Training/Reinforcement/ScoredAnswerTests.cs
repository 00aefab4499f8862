using LLaDA.Diffusion.Training.Reinforcement;

namespace LLaDA.Diffusion.Tests.Training.Reinforcement;

public sealed class ScoredAnswerTests
{
    private static readonly ReinforcementOptions s_options = new() { ClipRange = 0.2, Beta = 0.5 };

    /// <summary>Ratios e^(d / 4) by hand: 1.2840 and 0.7788 are beyond the clip range, 1.1331 is not.</summary>
    [Theory]
    [InlineData(2, 0, 0, -2, false)]
    [InlineData(2, 1, 0, -2.4, true)]
    [InlineData(2, 0.5, 0, -2.266297, false)]
    [InlineData(2, -1, 0, -1.557602, false)]
    [InlineData(-2, 1, 0, 2.568051, false)]
    [InlineData(-2, -1, 0, 1.6, true)]
    [InlineData(0, 0, 2, 0.25, false)]
    [InlineData(2, 0, -2, -1.75, false)]
    public void Loss_of_an_answer(double advantage, double gain, double divergence, double loss, bool isClipped)
    {
        var answer = new ScoredAnswer(advantage, Length: 4, Policy: -7 + gain, Old: -7, Reference: -7 + gain - divergence);

        Assert.Equal(loss, answer.Loss(s_options), 1e-6);
        Assert.Equal(isClipped, answer.IsClipped(s_options));
        Assert.Equal(divergence * divergence / 8, answer.Divergence, 1e-12);
    }

    [Fact]
    public void Slope_is_the_derivative_of_the_loss()
    {
        const double small = 1e-5;
        var random = new Random(1);
        for (int count = 0; count < 200; count++)
        {
            var answer = new ScoredAnswer(
                random.NextDouble() - 0.5, random.Next(1, 9), -5 * random.NextDouble(), -5 * random.NextDouble(), Reference: -3);
            if (Math.Abs(Math.Abs(answer.Ratio - 1) - s_options.ClipRange) < 1e-3)
                continue;   // no derivative at the kink
            double above = (answer with { Policy = answer.Policy + small }).Loss(s_options);
            double below = (answer with { Policy = answer.Policy - small }).Loss(s_options);

            Assert.Equal((above - below) / (2 * small), answer.Slope(s_options), 1e-5);
        }
    }

    [Fact]
    public void Advantages_are_differences_to_the_mean_of_the_others_and_a_constant_changes_none()
    {
        double[] rewards = [1, 0, 0.25, 0.75];

        double[] advantages = GroupRewards.Advantages(rewards);
        double[] shifted = GroupRewards.Advantages([.. rewards.Select(reward => reward + 4096)]);

        double[] expected = [1 - (1 / 3.0), -2 / 3.0, 0.25 - (1.75 / 3), 0.75 - (1.25 / 3)];
        Assert.All(expected.Zip(advantages), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
        Assert.Equal(advantages, shifted);
        Assert.Equal(0, advantages.Sum(), 12);
        Assert.True(GroupRewards.HasSpread(rewards));
        Assert.False(GroupRewards.HasSpread([0.1, 0.1, 0.1]));
    }
}
