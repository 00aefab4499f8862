using LLaDA.Diffusion.Training.Bounds;

namespace LLaDA.Diffusion.Tests.Training.Bounds;

public sealed class BoundNoiseTests
{
    private static readonly BoundSamples s_antithetic = new(8, IsAntithetic: true), s_plain = new(8, IsAntithetic: false);

    [Theory]
    [InlineData(1, 8)]
    [InlineData(5, 1)]
    [InlineData(5, 7)]
    [InlineData(12, 8)]
    public void Two_samples_of_opposite_levels_mask_every_token_and_one_of_them_twice(int length, int numSamples)
    {
        var noise = new BoundNoise(new CounterRandom(1), new BoundSamples(numSamples, IsAntithetic: true));

        for (int response = 0; response < 50; response++)
        {
            int[][] masks = noise.Masks(step: 3, response, length);

            Assert.Equal(numSamples, masks.Length);
            Assert.All(masks, mask => Assert.Equal(mask.Distinct().Order(), mask));
            for (int part = 0; part < numSamples / 2; part++)
            {
                int[] both = [.. masks[part], .. masks[numSamples - 1 - part]];
                Assert.Equal(Enumerable.Range(0, length), both.Distinct().Order());
                Assert.Equal(length + 1, both.Length);
            }
        }
    }

    /// <summary>Each number of masks 1 to l with probability 1 / l, and each token equally often among so many.</summary>
    [Theory]
    [InlineData(true, 8)]
    [InlineData(true, 3)]
    [InlineData(false, 8)]
    public void Numbers_of_masks_are_uniform_and_so_are_the_tokens(bool isAntithetic, int numSamples)
    {
        const int length = 5, numResponses = 4000;
        var noise = new BoundNoise(
            new CounterRandom(2), new BoundSamples(numSamples, isAntithetic));

        int[][] masks = [.. Enumerable.Range(0, numResponses).SelectMany(response => noise.Masks(step: 0, response, length))];

        foreach (var group in masks.GroupBy(mask => mask.Length))
        {
            double share = (double)group.Count() / masks.Length;
            Assert.InRange(share, 0.19, 0.21);
            for (int token = 0; token < length; token++)
                Assert.InRange(group.Average(mask => mask.Contains(token) ? 1.0 : 0), (group.Key / 5.0) - 0.03, (group.Key / 5.0) + 0.03);
        }
    }

    [Fact]
    public void Noise_is_a_function_of_seed_step_and_response()
    {
        int[][] Masks(ulong seed = 1, uint step = 0, int response = 0, BoundSamples? samples = null) =>
            new BoundNoise(new CounterRandom(seed), samples ?? s_antithetic).Masks(step, response, length: 20);

        Assert.Equal(Masks(), Masks());
        Assert.NotEqual(Masks(), Masks(seed: 2));
        Assert.NotEqual(Masks(), Masks(step: 1));
        Assert.NotEqual(Masks(), Masks(response: 1));
        Assert.NotEqual(Masks(samples: s_plain)[0], Masks(samples: s_plain)[1]);
    }
}
