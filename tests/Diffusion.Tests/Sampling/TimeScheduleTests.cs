using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>Dream's process: how many masks each step commits, and which.</summary>
public sealed class TimeScheduleTests : IDisposable
{
    private static readonly LLaDAConfig s_config = TinyModel.Config with { Family = ModelFamilies.Dream };

    private readonly MaskPredictor _model = TinyModel.Random(s_config);
    private readonly Sampler _sampler;

    public TimeScheduleTests() => _sampler = new Sampler(_model);

    public void Dispose()
    {
        _sampler.Dispose();
        _model.Dispose();
    }

    [Theory]
    [InlineData(8, 1e-3)]
    [InlineData(1, 1e-3)]
    [InlineData(31, 0.25)]
    public void Shares_leave_a_masked_part_that_equals_the_time(int numSteps, double endTime)
    {
        var schedule = new TimeSchedule(numSteps, endTime);

        double left = 1;
        for (int step = 0; step < numSteps - 1; step++)
        {
            left *= 1 - schedule.Share(step);
            Assert.Equal(1 - ((1 - endTime) * (step + 1) / numSteps), left, 1e-5);
        }
        Assert.Equal(1, schedule.Share(numSteps - 1));
    }

    [Theory]
    [InlineData(Remasking.Origin)]
    [InlineData(Remasking.MaskgitPlus)]
    [InlineData(Remasking.TopkMargin)]
    [InlineData(Remasking.Entropy)]
    public void Every_mask_is_filled_and_a_step_without_commits_costs_no_pass(Remasking remasking)
    {
        List<int> left = [20];
        var row = SamplingRows.Generation(20, new() { Remasking = remasking, Steps = 40, Seed = 3 }, 1, 2, 3)
            with { OnStep = step => left.Add(step.NumMasked) };

        var sampled = _sampler.Sample([row])[0];

        Assert.DoesNotContain(TinyModel.Mask, sampled.Tokens);
        Assert.Equal(sampled.NumForwards, left.Count - 1);
        Assert.True(sampled.NumForwards <= 20);
        Assert.All(left.Zip(left[1..]), step => Assert.True(step.Second < step.First));
    }

    [Theory]
    [InlineData(Remasking.MaskgitPlus)]
    [InlineData(Remasking.Entropy)]
    public void A_tiny_temperature_of_the_positions_takes_the_best(Remasking remasking)
    {
        var row = SamplingRows.Generation(16, new() { Remasking = remasking, Steps = 7, Seed = 3 }, 1, 2, 3);

        var best = _sampler.Sample([row])[0];
        var drawn = _sampler.Sample([row with { Options = row.Options with { AlgTemp = 1e-9 } }])[0];
        var zero = _sampler.Sample([row with { Options = row.Options with { AlgTemp = 0 } }])[0];

        Assert.Equal(best.Confidence, drawn.Confidence);
        Assert.Equal(best.Confidence, zero.Confidence);
    }

    /// <summary>
    /// Four positions whose predictions are alike, of which the first of two steps commits one: each in a quarter of the seeds.
    /// </summary>
    [Fact]
    public void Positions_are_drawn_by_their_weights()
    {
        using var model = TinyModel.Predicting(s_config, [1, 0.5]);
        using var sampler = new Sampler(model);
        int numFirst = 0;
        const int numSeeds = 200;

        for (ulong seed = 0; seed < numSeeds; seed++)
        {
            int[] first = [];
            var row = SamplingRows.Generation(4, new() { Remasking = Remasking.MaskgitPlus, AlgTemp = 1, Steps = 2, Seed = seed }, 1)
                with { OnStep = step => first = first.Length == 0 ? [.. step.Canvas] : first };
            sampler.Sample([row]);
            numFirst += first[1] != TinyModel.Mask ? 1 : 0;
        }

        Assert.InRange(numFirst, 30, 70);
    }

    [Theory]
    [InlineData(CachePolicy.Prefix)]
    [InlineData(CachePolicy.Dual)]
    public void Blocks_with_a_cache_that_is_refreshed_in_every_step_equal_those_without(CachePolicy cache)
    {
        var row = SamplingRows.Generation(16, new() { BlockLength = 4 }, 1, 2, 3);

        var plain = _sampler.Sample([row])[0];
        var cached = _sampler.Sample([row with { Options = row.Options with { Cache = cache, CacheRefresh = 1 } }])[0];
        var stale = _sampler.Sample([row with { Options = row.Options with { Cache = cache } }])[0];

        Assert.Equal(plain.Confidence, cached.Confidence);
        Assert.DoesNotContain(TinyModel.Mask, stale.Tokens);
        Assert.True(stale.NumTokenForwards < plain.NumTokenForwards);
    }

    [Fact]
    public void The_row_ends_at_an_end_of_text_that_nothing_before_it_can_change()
    {
        using var model = TinyModel.Predicting(s_config, [.. Enumerable.Range(0, 40).Select(token => token == TinyModel.Eos ? 9.0 : 0)]);
        using var sampler = new Sampler(model);
        var row = SamplingRows.Generation(30, new() { Remasking = Remasking.MaskgitPlus, StopsAtEos = true }, 1);

        var sampled = sampler.Sample([row])[0];

        Assert.All(sampled.Tokens[1..], token => Assert.Equal(TinyModel.Eos, token));
        Assert.Equal(1, sampled.NumForwards);
    }
}
