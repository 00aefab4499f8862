using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class RevisionTests : IDisposable
{
    private readonly MaskPredictor _model = TinyModel.Random();
    private readonly Sampler _sampler;

    public RevisionTests() => _sampler = new Sampler(_model);

    public void Dispose()
    {
        _sampler.Dispose();
        _model.Dispose();
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(0.8, null)]
    [InlineData(0.8, 0.05)]
    public void Strength_of_zero_is_the_standard_process(double temperature, double? threshold)
    {
        var row = SamplingRows.Generation(
            24, new() { Steps = 6, BlockLength = 12, Temperature = temperature, Seed = 4, Threshold = threshold }, 1, 2, 3);

        var standard = _sampler.Sample([row])[0];
        var revised =
            _sampler.Sample([row with { Options = row.Options with { Remasking = Remasking.Revision, RevisionStrength = 0 } }])[0];

        Assert.Equal(standard.Tokens, revised.Tokens);
        Assert.Equal(standard.Confidence, revised.Confidence);
    }

    [Theory]
    [InlineData(0.25)]
    [InlineData(0.5)]
    [InlineData(1)]
    public void Schedule_is_kept_whatever_is_taken_back(double strength)
    {
        List<int> masked = [];
        var options = new SamplingOptions { Steps = 6, Remasking = Remasking.Revision, RevisionStrength = strength };
        var row = SamplingRows.Generation(24, options, 1, 2, 3) with { OnStep = progress => masked.Add(progress.NumMasked) };

        var sampled = _sampler.Sample([row])[0];

        Assert.Equal([20, 16, 12, 8, 4, 0], masked);
        Assert.Equal(6, sampled.NumForwards);
        Assert.DoesNotContain(TinyModel.Mask, sampled.Tokens);
        Assert.All(sampled.Confidence.Skip(3), confidence => Assert.InRange(confidence, double.Epsilon, 1 - 1e-6));
    }

    [Fact]
    public void Least_confident_of_the_earlier_tokens_are_taken_back()
    {
        using var recording = new Recording(_model);
        var row = SamplingRows.Generation(16, new() { Steps = 4, Remasking = Remasking.Revision, RevisionStrength = 0.5 }, 1, 2, 3);

        var plain = _sampler.Sample([row with { Options = row.Options with { Steps = 4, RevisionStrength = 0 } }])[0];
        _sampler.Sample([recording.Watch(row)]);

        // The first step commits what it would commit anyway; the second takes back the less confident half of it.
        int[] first = [.. Enumerable.Range(3, 16).Where(position => recording.Canvases[0][1][position] != TinyModel.Mask)];
        int[] takenBack = [.. first.Where(position => recording.Canvases[0][2][position] == TinyModel.Mask)];
        Assert.Equal(4, first.Length);
        Assert.Equal(first.OrderBy(position => plain.Confidence[position]).Take(2).Order(), takenBack);
    }

    [Fact]
    public void Threshold_with_revision_ends()
    {
        var options = new SamplingOptions { BlockLength = 12, Threshold = 0.04, Remasking = Remasking.Revision, RevisionStrength = 1 };
        var sampled = _sampler.Sample([SamplingRows.Generation(24, options, 1)])[0];

        Assert.InRange(sampled.NumForwards, 2, 24);
        Assert.DoesNotContain(TinyModel.Mask, sampled.Tokens);
    }
}
