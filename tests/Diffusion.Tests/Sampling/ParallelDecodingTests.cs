using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class ParallelDecodingTests : IDisposable
{
    private readonly MaskPredictor _model = TinyModel.Random();
    private readonly Sampler _sampler;

    public ParallelDecodingTests() => _sampler = new Sampler(_model);

    public void Dispose()
    {
        _sampler.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void Threshold_that_nothing_reaches_equals_one_token_a_step()
    {
        var row = SamplingRows.Generation(24, new() { BlockLength = 8, Temperature = 0.5, Seed = 2 }, 1, 2, 3);

        var fixedSchedule = _sampler.Sample([row])[0];
        var threshold = _sampler.Sample([row with { Options = row.Options with { Threshold = 1.01 } }])[0];

        Assert.Equal(24, threshold.NumForwards);
        Assert.Equal(fixedSchedule.Tokens, threshold.Tokens);
        Assert.Equal(fixedSchedule.Confidence, threshold.Confidence);
    }

    [Fact]
    public void Threshold_of_zero_takes_one_pass_a_block() =>
        Assert.Equal(3, _sampler.Sample([SamplingRows.Generation(24, new() { BlockLength = 8, Threshold = 0 }, 1, 2, 3)])[0].NumForwards);

    [Theory]
    [InlineData(0.03)]
    [InlineData(0.05)]
    [InlineData(0.1)]
    public void Lower_thresholds_never_take_more_passes(double threshold)
    {
        SampledRow Sample(double value) =>
            _sampler.Sample([SamplingRows.Generation(32, new() { BlockLength = 16, Threshold = value }, 1, 2, 3)])[0];

        Assert.InRange(Sample(threshold).NumForwards, Sample(0).NumForwards, Sample(2).NumForwards);
    }

    [Fact]
    public void Steps_are_the_most_that_a_row_takes()
    {
        var sampled = _sampler.Sample([SamplingRows.Generation(24, new() { BlockLength = 8, Steps = 6, Threshold = 1.01 }, 1, 2, 3)])[0];

        Assert.Equal(6, sampled.NumForwards);
    }
}
