using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class FamilySamplingTests
{
    public static TheoryData<string, string, SamplingOptions> Missing => new()
    {
        { "LLaDA", "remasking", new() { Remasking = Remasking.Sequential } },
        { "LLaDA-MoE", "remasking", new() { Remasking = Remasking.Entropy } },
        { "LLaDA", "editing_threshold", new() { EditingThreshold = 0.5 } },
        { "Dream", "remasking", new() { Remasking = Remasking.EntropyBounded } },
        { "Dream", "editing_threshold", new() { EditingThreshold = 0.5 } },
        { "SDAR", "editing_threshold", new() { EditingThreshold = 0.5 } },
        { "SDAR", "remasking", new() { Remasking = Remasking.Random } },
        { "SDAR", "cache", new() { Cache = CachePolicy.Dual } },
        { "LLaDA2", "remasking", new() { Remasking = Remasking.Revision } },
        { "LLaDA2", "confidence_eos_eot_inf", new() { DefersEos = true } },
        { "LLaDA2", "block_length", new() { BlockLength = 65 } },
    };

    [Theory]
    [MemberData(nameof(Missing))]
    public void What_a_family_does_not_have_is_named_with_the_family(string family, string parameter, SamplingOptions options)
    {
        var config = Config(family);

        var error = Assert.Single(FamilySampling.Errors(options, config));
        var failure = Assert.Throws<ArgumentException>(() => DenoisingRow.Create(SamplingRows.Generation(4, options), config));

        Assert.Equal(parameter, error.Parameter);
        Assert.StartsWith(error.Sentence, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("LLaDA")]
    [InlineData("iLLaDA")]
    [InlineData("LLaDA-MoE")]
    [InlineData("LLaDA2")]
    [InlineData("Dream")]
    [InlineData("SDAR")]
    public void Every_rule_of_a_family_is_one_that_it_samples_with(string family)
    {
        var config = Config(family);

        foreach (var rule in FamilySampling.Rules(config))
        {
            var options = new SamplingOptions { Remasking = rule };
            Assert.Empty(options.Validate().Concat(FamilySampling.Errors(options, config)));
        }
        Assert.Equal(config.Family.IsBlockCausal, FamilySampling.DefaultThreshold(config) is not null);
    }

    private static LLaDAConfig Config(string name)
    {
        var family = ModelFamilies.All.Single(family => family.Name == name);
        return TinyModel.Config with { Family = family, BlockLength = family.BlockLength };
    }
}
