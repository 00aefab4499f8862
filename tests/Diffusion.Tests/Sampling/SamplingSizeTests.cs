using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Families;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>What a row costs at most, and what it holds.</summary>
public sealed class SamplingSizeTests
{
    private static readonly LLaDAConfig s_blocks = FamilyModels.All["SDAR"];

    [Theory]
    [InlineData(10, 6, null, null, 12 + (3 * 4 * 5))]
    [InlineData(12, 6, null, null, 12 + (3 * 4 * 5))]
    [InlineData(13, 6, null, null, 16 + (4 * 4 * 5))]
    [InlineData(10, 2, null, null, 12 + (2 * 4 * 5))]
    [InlineData(10, 6, 2, null, 12 + (3 * 4 * 3))]
    [InlineData(10, 6, 9, null, 12 + (3 * 4 * 5))]
    [InlineData(10, 6, null, 8, 16 + (2 * 8 * 9))]
    [InlineData(10, 0, null, null, 12)]
    public void Blocks_pass_in_their_steps_and_once_more_and_all_before_them_once(
        int numTokens, int numMasks, int? steps, int? blockLength, long expected)
    {
        var options = new SamplingOptions { Steps = steps, BlockLength = blockLength };

        Assert.Equal(expected, SamplingSize.TokenForwards(numTokens, numMasks, options, s_blocks));
        Assert.Equal(2 * expected, SamplingSize.TokenForwards(numTokens, numMasks, options with { CfgScale = 1 }, s_blocks));
    }

    [Fact]
    public void Editing_adds_the_steps_behind_a_full_block()
    {
        var options = new SamplingOptions { EditingThreshold = 0.5 };

        Assert.Equal(12 + (3 * 4 * (5 + 1 + 16)), SamplingSize.TokenForwards(10, 6, options, s_blocks));
        Assert.Equal(12 + (3 * 4 * (5 + 1 + 3)), SamplingSize.TokenForwards(10, 6, options with { MaxPostSteps = 3 }, s_blocks));
    }

    [Theory]
    [InlineData("LLaDA", 4)]
    [InlineData("LLaDA", null)]
    [InlineData("SDAR", 4)]
    [InlineData("SDAR", 8)]
    [InlineData("LLaDA2", 4)]
    public void No_row_takes_more_and_a_row_of_a_token_a_step_takes_as_much(string family, int? blockLength)
    {
        using var model = TinyModel.Random(FamilyModels.All[family]);
        using var sampler = new Sampler(model);
        foreach (int length in new[] { 8, 11, 16 })
        {
            int[] canvas = [.. Enumerable.Range(0, length), .. Enumerable.Repeat(TinyModel.Mask, 8)];
            var options = new SamplingOptions { BlockLength = blockLength };
            long most = SamplingSize.TokenForwards(canvas.Length, 8, options, model.Config);

            Assert.InRange(sampler.Sample([new SamplingRow(canvas, options)])[0].NumTokenForwards, 1, most);
            Assert.InRange(sampler.Sample([new SamplingRow(canvas, options with { Threshold = 0 })])[0].NumTokenForwards, 1, most);
            if (!model.Config.Family.IsBlockCausal)
                Assert.Equal(most, sampler.Sample([new SamplingRow(canvas, options)])[0].NumTokenForwards);
        }
    }

    [Fact]
    public void Guided_row_holds_its_canvas_twice()
    {
        int[] canvas = [1, 2, 3, TinyModel.Mask, TinyModel.Mask];
        int Held(SamplingOptions options) =>
            DenoisingRow.Create(new SamplingRow(canvas, options), TinyModel.Config).NumTokensHeld(keptShare: 0.5);

        Assert.Equal(5, Held(new SamplingOptions()));
        Assert.Equal(10, Held(new SamplingOptions { CfgScale = 1 }));
    }
}
