using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>Masks anywhere, some of them not to be filled.</summary>
public sealed class SamplerInfillTests
{
    private const int M = TinyModel.Mask;

    [Fact]
    public void Other_masks_stay_and_are_read_as_masks()
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        using var recording = new Recording(model);
        var row = new SamplingRow([M, 3, M, M, 4, M, 5], new(), [2, 5]);

        var sampled = sampler.Sample([row])[0];

        Assert.Equal([M, 3, M, 4, 5], new[] { 0, 1, 3, 4, 6 }.Select(position => sampled.Tokens[position]));
        Assert.DoesNotContain(M, new[] { sampled.Tokens[2], sampled.Tokens[5] });
        Assert.Equal(2, sampled.NumForwards);
        Assert.All(recording.Passes, tokens => Assert.Equal([M, M], new[] { tokens[0], tokens[3] }));
        Assert.All(new[] { 0, 1, 3, 4, 6 }, position => Assert.Equal(1, sampled.Confidence[position]));
    }

    [Fact]
    public void Text_behind_a_gap_is_read()
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);

        var one = sampler.Sample([new SamplingRow([1, M, M, M, M, 7], new())])[0];
        var other = sampler.Sample([new SamplingRow([1, M, M, M, M, 22], new())])[0];

        Assert.NotEqual(one.Confidence, other.Confidence);
    }

    [Fact]
    public void Canvas_without_masks_comes_back_without_a_forward_pass()
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        using var recording = new Recording(model);

        var sampled = sampler.Sample([new SamplingRow([1, 2, 3], new()), new SamplingRow([1, M, 3], new(), [])]);

        Assert.Equal([1, 2, 3], sampled[0].Tokens);
        Assert.Equal([1, M, 3], sampled[1].Tokens);
        Assert.Equal(0, recording.NumForwards);
        Assert.All(sampled, row => Assert.Equal(0, row.NumForwards));
    }

    [Fact]
    public void Blocks_count_masks_and_skip_the_text_between_them()
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        using var recording = new Recording(model);

        sampler.Sample([recording.Watch(new SamplingRow([M, 3, M, M, 4, M, 5], new() { BlockLength = 2, Steps = 2 }))]);

        Assert.Equal([[0, 2], [3, 5]], recording.Commits());
    }
}
