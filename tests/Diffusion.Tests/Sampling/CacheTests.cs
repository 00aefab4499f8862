using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class CacheTests : IDisposable
{
    private static readonly SamplingOptions s_blocks = new() { BlockLength = 8 };

    private readonly MaskPredictor _model = TinyModel.Random();
    private readonly Sampler _sampler;

    public CacheTests() => _sampler = new Sampler(_model);

    public void Dispose()
    {
        _sampler.Dispose();
        _model.Dispose();
    }

    [Theory]
    [InlineData(CachePolicy.Prefix, 0)]
    [InlineData(CachePolicy.Dual, 0)]
    [InlineData(CachePolicy.Dual, 1.5)]
    public void Refreshed_in_every_step_it_equals_no_cache(CachePolicy policy, double cfgScale)
    {
        var row = SamplingRows.Generation(32, s_blocks with { CfgScale = cfgScale, Temperature = 0.7, Seed = 3 }, 1, 2, 3, 4, 5);

        var plain = _sampler.Sample([row])[0];
        var cached = _sampler.Sample([row with { Options = row.Options with { Cache = policy, CacheRefresh = 1 } }])[0];

        Assert.Equal(plain.Tokens, cached.Tokens);
        Assert.Equal(plain.Confidence, cached.Confidence);
        Assert.Equal(plain.NumTokenForwards, cached.NumTokenForwards);
    }

    [Fact]
    public void Vicinity_as_wide_as_the_canvas_equals_no_cache()
    {
        var row = SamplingRows.Generation(32, s_blocks, 1, 2, 3, 4, 5);

        var plain = _sampler.Sample([row])[0];
        var wide = _sampler.Sample([row with { Options = row.Options with { Cache = CachePolicy.Dual, CacheVicinity = 40 } }])[0];

        Assert.Equal(plain.Tokens, wide.Tokens);
        foreach (var (expected, actual) in plain.Confidence.Zip(wide.Confidence))
            Assert.Equal(expected, actual, 1e-5);
    }

    /// <summary>Blocks of 8 behind 5 tokens, one token a step.</summary>
    [Theory]
    [InlineData(CachePolicy.None, null, null, 32 * 37)]
    [InlineData(CachePolicy.Prefix, null, null, (4 * 37) + (7 * (32 + 24 + 16 + 8)))]
    [InlineData(CachePolicy.Dual, null, null, (4 * 37) + (4 * 7 * 8))]
    [InlineData(CachePolicy.Dual, 4, 0, (8 * 37) + (4 * 6 * 8))]
    [InlineData(CachePolicy.Dual, null, 2, (4 * 37) + (7 * (12 + 12 + 12 + 10)))]
    public void Only_what_the_policy_says_passes_through_the_network(CachePolicy policy, int? refresh, int? vicinity, int expected)
    {
        var options = s_blocks with { Cache = policy, CacheRefresh = refresh, CacheVicinity = vicinity };
        using var recording = new Recording(_model);

        var sampled = _sampler.Sample([SamplingRows.Generation(32, options, 1, 2, 3, 4, 5)])[0];

        Assert.Equal(expected, sampled.NumTokenForwards);
        Assert.Equal(32, sampled.NumForwards);
        Assert.InRange(recording.Passes.Sum(tokens => tokens.Length), expected, expected + (32 * 15));
    }

    [Fact]
    public void Masks_anywhere_in_the_canvas_pass_alone()
    {
        const int m = TinyModel.Mask;
        var row = new SamplingRow([1, m, m, 4, 5, 6, 7, 8, m, 9, 10, m], new() { Cache = CachePolicy.Dual });

        var sampled = _sampler.Sample([row])[0];

        Assert.Equal(12 + (3 * 4), sampled.NumTokenForwards);
        Assert.DoesNotContain(m, sampled.Tokens);
    }

    [Theory]
    [InlineData(CachePolicy.Prefix)]
    [InlineData(CachePolicy.Dual)]
    public void What_is_kept_is_what_was_seen_at_the_start_of_the_block(CachePolicy policy)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        // With one block the canvas outside it never changes but for its own layers' view of the block: a network of one layer keeps
        // exact keys and values.
        using var shallow = TinyModel.Random(TinyModel.Config with { NumLayers = 1 });
        using var sampler = new Sampler(shallow);
        var row = SamplingRows.Generation(16, new(), 1, 2, 3, 4, 5);

        var plain = sampler.Sample([row])[0];
        var cached = sampler.Sample([row with { Options = new() { Cache = policy } }])[0];

        Assert.Equal(plain.Tokens, cached.Tokens);
        foreach (var (expected, actual) in plain.Confidence.Zip(cached.Confidence))
            Assert.Equal(expected, actual, 1e-5);
    }

    [Fact]
    public void Caches_are_given_back()
    {
        var row = SamplingRows.Generation(32, s_blocks with { Cache = CachePolicy.Dual, CfgScale = 1 }, 1, 2, 3);
        _sampler.Sample([row]);
        long before = LiveTensors.Count;

        _sampler.Sample([row, row]);

        Assert.Equal(before, LiveTensors.Count);
    }
}
