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
        { "revision_strength", new() { RevisionStrength = 1.01, Remasking = Remasking.Revision } },
        { "revision_strength", new() { RevisionStrength = double.NaN, Remasking = Remasking.Revision } },
        { "cache_refresh", new() { CacheRefresh = 0, Cache = CachePolicy.Prefix } },
        { "cache_vicinity", new() { CacheVicinity = -1, Cache = CachePolicy.Dual } },
        { "cache_vicinity", new() { CacheVicinity = 257, Cache = CachePolicy.Dual } },
        { "threshold", new() { Threshold = -0.1 } },
        { "factor", new() { Factor = 0 } },
        { "run_threshold", new() { RunThreshold = -0.1, Threshold = 0.9 } },
        { "top_k", new() { TopK = 0 } },
        { "eb_threshold", new() { EntropyBound = 0, Remasking = Remasking.EntropyBounded } },
        { "eb_threshold", new() { EntropyBound = double.NaN, Remasking = Remasking.EntropyBounded } },
        { "eps", new() { EndTime = 0, Remasking = Remasking.Origin } },
        { "eps", new() { EndTime = 1, Remasking = Remasking.Origin } },
        { "alg_temp", new() { AlgTemp = -0.1, Remasking = Remasking.Entropy } },
        { "alg_temp", new() { AlgTemp = double.PositiveInfinity, Remasking = Remasking.Entropy } },
        { "editing_threshold", new() { EditingThreshold = -0.1 } },
        { "editing_threshold", new() { EditingThreshold = 1.1 } },
        { "max_post_steps", new() { MaxPostSteps = -1, EditingThreshold = 0.5 } },
        { "max_post_steps", new() { MaxPostSteps = 4097, EditingThreshold = 0.5 } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Value_out_of_range_is_named_by_its_parameter(string parameter, SamplingOptions options)
    {
        var (named, sentence) = Assert.Single(options.Validate());

        Assert.Equal(parameter, named);
        Assert.StartsWith($"{parameter} is ", sentence, StringComparison.Ordinal);
    }

    public static TheoryData<string, SamplingOptions> WithoutMode => new()
    {
        { "run_threshold goes with threshold", new() { RunThreshold = 0.5 } },
        { "run_threshold goes with threshold", new() { RunThreshold = 0.5, Factor = 0.5 } },
        { "revision_strength goes with remasking revision", new() { RevisionStrength = 0.5 } },
        { "revision_strength goes with remasking revision", new() { RevisionStrength = 0, Remasking = Remasking.Random } },
        { "cache_refresh goes with cache prefix or dual", new() { CacheRefresh = 1 } },
        { "cache_vicinity goes with cache dual", new() { CacheVicinity = 0 } },
        { "cache_vicinity goes with cache dual", new() { CacheVicinity = 3, Cache = CachePolicy.Prefix } },
        { "max_post_steps goes with editing_threshold", new() { MaxPostSteps = 3 } },
        { "editing_threshold goes with remasking low_confidence", new() { EditingThreshold = 0.5, Remasking = Remasking.Sequential } },
        { "eb_threshold goes with remasking entropy_bounded", new() { EntropyBound = 1 } },
        { "eps goes with remasking origin, maskgit_plus, topk_margin or entropy", new() { EndTime = 0.1 } },
        { "alg_temp goes with remasking maskgit_plus, topk_margin or entropy", new() { AlgTemp = 0.1 } },
        { "alg_temp goes with remasking maskgit_plus, topk_margin or entropy", new() { AlgTemp = 0.1, Remasking = Remasking.Origin } },
    };

    [Theory]
    [MemberData(nameof(WithoutMode))]
    public void Option_that_has_no_effect_without_another_is_refused(string sentence, SamplingOptions options)
    {
        var error = Assert.Single(options.Validate());

        Assert.Equal(sentence, error.Sentence);
        Assert.StartsWith(error.Parameter + " ", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_go_together_are_accepted()
    {
        Assert.Empty(new SamplingOptions { RunThreshold = 0.5, Threshold = 0.9 }.Validate());
        Assert.Empty(new SamplingOptions { RevisionStrength = 1, Remasking = Remasking.Revision }.Validate());
        Assert.Empty(new SamplingOptions { CacheRefresh = 1, Cache = CachePolicy.Prefix }.Validate());
        Assert.Empty(new SamplingOptions { CacheRefresh = 1, CacheVicinity = 256, Cache = CachePolicy.Dual }.Validate());
    }

    [Fact]
    public void Bounds_themselves_are_accepted()
    {
        Assert.Empty(new SamplingOptions().Validate());
        Assert.Empty(new SamplingOptions { Steps = 1, BlockLength = 1, Temperature = 0, TopP = 1, CfgScale = 0 }.Validate());
        Assert.Empty(
            new SamplingOptions { Steps = 4096, BlockLength = int.MaxValue, Temperature = 10, TopP = 1e-9, CfgScale = 100 }.Validate());
    }

    [Fact]
    public void All_errors_are_reported_at_once() =>
        Assert.Equal(["steps", "block_length", "temperature", "top_p", "cfg_scale"],
            new SamplingOptions { Steps = -1, BlockLength = -1, Temperature = -1, TopP = -1, CfgScale = -1 }.Validate()
                .Select(error => error.Parameter));
}
