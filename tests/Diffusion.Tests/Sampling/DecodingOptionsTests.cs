using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>Options of revision, parallel decoding and caches: their ranges, and which go together.</summary>
public sealed class DecodingOptionsTests
{
    public static TheoryData<string, SamplingOptions> Wrong => new()
    {
        { "revision_strength", new() { RevisionStrength = -0.1 } },
        { "revision_strength", new() { RevisionStrength = 1.1 } },
        { "revision_strength", new() { RevisionStrength = double.NaN } },
        { "threshold", new() { Threshold = -0.1 } },
        { "threshold", new() { Threshold = double.NaN } },
        { "factor", new() { Factor = 0 } },
        { "factor", new() { Factor = double.NaN } },
        { "run_threshold", new() { Threshold = 0.9, RunThreshold = -0.1 } },
        { "run_threshold", new() { Threshold = 0.9, RunThreshold = double.NaN } },
        { "cache_refresh", new() { CacheRefresh = 0 } },
        { "cache_vicinity", new() { CacheVicinity = -1 } },
        { "cache_vicinity", new() { CacheVicinity = 257 } },
    };

    public static TheoryData<string, SamplingOptions> Apart => new()
    {
        { "run_threshold", new() { RunThreshold = 0.9 } },
        { "run_threshold", new() { Factor = 1, RunThreshold = 0.9 } },
        { "threshold", new() { Threshold = 0.9, Factor = 1 } },
        { "remasking", new() { Remasking = Remasking.Random, Threshold = 0.9 } },
        { "remasking", new() { Remasking = Remasking.Random, Factor = 1 } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Value_out_of_range_is_reported_by_its_parameter(string parameter, SamplingOptions options)
    {
        var (named, sentence) = Assert.Single(options.Validate());

        Assert.Equal(parameter, named);
        Assert.StartsWith($"{parameter} is ", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Apart))]
    public void Options_that_do_not_go_together_are_reported(string parameter, SamplingOptions options)
    {
        var (named, sentence) = Assert.Single(options.Validate());

        Assert.Equal(parameter, named);
        Assert.NotEmpty(sentence);
    }

    [Fact]
    public void Bounds_themselves_are_accepted()
    {
        Assert.Empty(new SamplingOptions { RevisionStrength = 0, Threshold = 0, RunThreshold = 0, CacheRefresh = 1, CacheVicinity = 0 }.Validate());
        Assert.Empty(new SamplingOptions { RevisionStrength = 1, Factor = 1e-9, CacheVicinity = 256 }.Validate());
        Assert.Empty(new SamplingOptions { Remasking = Remasking.Random }.Validate());
        Assert.Empty(new SamplingOptions { Remasking = Remasking.Revision, Threshold = 0.9, RunThreshold = 0.8 }.Validate());
    }
}
