using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class SamplerGuidanceTests
{
    [Theory]
    [InlineData(0.5)]
    [InlineData(1)]
    [InlineData(3)]
    public void Guidance_moves_the_logits_away_from_those_without_the_given_tokens(double scale)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        var row = SamplingRows.Generation(9, new() { Steps = 1, CfgScale = scale }, 3, 1, 4, 1, 5);

        var sampled = sampler.Sample([row])[0];

        var conditional = model.call(TinyModel.Canvas([.. row.Canvas.Select(token => (long)token)]))[0];
        var unconditional = model.call(full([1, row.Canvas.Count], TinyModel.Mask, ScalarType.Int64))[0];
        var probabilities = softmax(unconditional + ((scale + 1) * (conditional - unconditional)), -1);
        foreach (int position in row.Masks())
        {
            var permitted = probabilities[position].narrow(0, 0, TinyModel.Mask);
            Assert.Equal(permitted.argmax().item<long>(), sampled.Tokens[position]);
            Assert.Equal(permitted.max().item<float>(), sampled.Confidence[position], 1e-5);
        }
        Assert.NotEqual(sampler.Sample([row with { Options = row.Options with { CfgScale = 0 } }])[0].Confidence, sampled.Confidence);
    }

    [Fact]
    public void Unconditional_half_masks_what_was_given_and_keeps_what_was_committed()
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        using var recording = new Recording(model);

        var sampled = sampler.Sample([SamplingRows.Generation(2, new() { CfgScale = 1, BlockLength = 1 }, 8, 9)])[0];

        const long mask = TinyModel.Mask;
        Assert.Equal(
            [[8, 9, mask, mask, mask, mask, mask, mask], [8, 9, sampled.Tokens[2], mask, mask, mask, sampled.Tokens[2], mask]],
            recording.Passes.Select(tokens => tokens[..8]));
    }

    [Fact]
    public void Zero_scale_costs_no_second_half_and_its_neighbours_guidance_none_either()
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        using var recording = new Recording(model);
        var plain = SamplingRows.Generation(6, new() { Steps = 3 }, 8, 9);

        var alone = sampler.Sample([plain])[0];
        Assert.Equal((3, 3, 3 * 8), (alone.NumForwards, recording.NumForwards, alone.NumTokenForwards));

        var together = sampler.Sample([plain, plain with { Options = new() { Steps = 2, CfgScale = 1 } }]);
        Assert.Equal([3, 4], together.Select(row => row.NumForwards));
        Assert.Equal([3 * 8, 4 * 8], together.Select(row => row.NumTokenForwards));
        Assert.Equal(3 + 3, recording.NumForwards);
    }

    [Fact]
    public void Canvas_without_given_tokens_has_nothing_to_be_guided_by()
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);

        var plain = sampler.Sample([SamplingRows.Generation(8)])[0];
        var guided = sampler.Sample([SamplingRows.Generation(8, new() { CfgScale = 0.75, BlockLength = 8, Steps = 8 })])[0];

        Assert.Equal(plain.Tokens, guided.Tokens);
        Assert.Equal(16, guided.NumForwards);
    }
}
