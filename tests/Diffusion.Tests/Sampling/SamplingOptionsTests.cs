using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class SamplingOptionsTests
{
    public static TheoryData<string, SamplingOptions> Wrong => new()
    {
        { "steps", new() { Steps = 0 } },
        { "steps", new() { Steps = 4097 } },
        { "block_length", new() { BlockLength = 0 } },
        { "temperature", new() { Temperature = -0.1 } },
        { "temperature", new() { Temperature = 10.1 } },
        { "temperature", new() { Temperature = double.NaN } },
        { "top_p", new() { TopP = 0 } },
        { "top_p", new() { TopP = 1.01 } },
        { "top_p", new() { TopP = double.NaN } },
        { "cfg_scale", new() { CfgScale = -1 } },
        { "cfg_scale", new() { CfgScale = double.PositiveInfinity } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Value_out_of_range_is_told_by_its_parameter(string parameter, SamplingOptions options)
    {
        var (named, sentence) = Assert.Single(options.Validate());

        Assert.Equal(parameter, named);
        Assert.StartsWith($"{parameter} is ", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Bounds_themselves_are_accepted()
    {
        Assert.Empty(new SamplingOptions().Validate());
        Assert.Empty(new SamplingOptions { Steps = 1, BlockLength = 1, Temperature = 0, TopP = 1, CfgScale = 0 }.Validate());
        Assert.Empty(new SamplingOptions { Steps = 4096, BlockLength = int.MaxValue, Temperature = 10, TopP = 1e-9, CfgScale = 100 }.Validate());
    }

    [Fact]
    public void All_mistakes_are_told_at_once() =>
        Assert.Equal(["steps", "block_length", "temperature", "top_p", "cfg_scale"],
            new SamplingOptions { Steps = -1, BlockLength = -1, Temperature = -1, TopP = -1, CfgScale = -1 }.Validate().Select(mistake => mistake.Parameter));
}
