using CsCheck;
using LLaDA.Diffusion.Training;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class LearningRateScheduleTests
{
    /// <summary>
    /// LLaDA's warmup, scaled: 2,000 steps of 5,242,880 tokens up to 4e-4; and its last decay, from 1e-4 at 2.0e12 tokens to 1e-5 at
    /// 2.3e12.
    /// </summary>
    [Theory]
    [InlineData(4e-4, 1e-4, 2000, 0, 10_000, 999, 2e-4)]
    [InlineData(4e-4, 1e-4, 2000, 0, 10_000, 1999, 4e-4)]
    [InlineData(4e-4, 1e-4, 2000, 0, 10_000, 9999, 4e-4)]
    [InlineData(1e-4, 1e-5, 0, 300, 2300, 1999, 1e-4)]
    [InlineData(1e-4, 1e-5, 0, 300, 2300, 2149, 5.5e-5)]
    [InlineData(1e-4, 1e-5, 0, 300, 2300, 2299, 1e-5)]
    [InlineData(2.5e-5, 2.5e-6, 50, 100, 1000, 24, 1.25e-5)]
    [InlineData(2.5e-5, 2.5e-6, 50, 100, 1000, 500, 2.5e-5)]
    [InlineData(2.5e-5, 2.5e-6, 50, 100, 1000, 999, 2.5e-6)]
    public void Rate_is_that_of_the_paper(double peak, double final, int warmup, int decay, int steps, int step, double rate) =>
        Assert.Equal(rate, new LearningRateSchedule(peak, final, warmup, decay, steps).At(step), 1e-9 * peak);

    [Fact]
    public void Rate_rises_stays_and_falls_without_a_jump() =>
        (from peak in Gen.Double[1e-6, 1]
         from final in Gen.Double[0, 1].Select(share => share * peak)
         from warmup in Gen.Int[0, 40]
         from decay in Gen.Int[0, 40]
         from stable in Gen.Int[1, 40]
         from shape in Gen.Enum<RateDecay>()
         select new LearningRateSchedule(peak, final, warmup, decay, warmup + stable + decay) { Decay = shape }).Sample(schedule =>
        {
            Assert.Empty(schedule.Validate());
            double[] rates = [.. Enumerable.Range(0, schedule.NumSteps).Select(schedule.At)];
            int decayStart = schedule.NumSteps - schedule.DecaySteps;
            Assert.Equal(rates[..schedule.WarmupSteps].Order(), rates[..schedule.WarmupSteps]);
            Assert.All(rates[schedule.WarmupSteps..decayStart], rate => Assert.Equal(schedule.Peak, rate));
            Assert.Equal(rates[decayStart..].OrderDescending(), rates[decayStart..]);
            Assert.All(rates, rate => Assert.InRange(rate, 0, schedule.Peak * (1 + 1e-12)));
            if (schedule.WarmupSteps > 0)
                Assert.Equal(schedule.Peak / schedule.WarmupSteps, rates[0], 1e-12);
            if (schedule.DecaySteps > 0)
                Assert.Equal(schedule.Final, rates[^1], 1e-9);
        });

    [Fact]
    public void Cosine_is_half_way_in_the_middle_and_flat_at_its_ends()
    {
        var schedule = LearningRateSchedule.Cosine(peak: 1, final: 0.1, warmupSteps: 10, numSteps: 110);

        Assert.Equal(1, schedule.At(9), 1e-12);
        Assert.Equal(0.55, schedule.At(59), 1e-12);
        Assert.Equal(0.1, schedule.At(109), 1e-12);
        Assert.InRange(1 - schedule.At(10), 0, 1e-3);
        Assert.InRange(schedule.At(108) - 0.1, 0, 1e-3);
    }

    [Theory]
    [InlineData(1, 0, 0, 0, 0)]
    [InlineData(0, 0, 0, 0, 10)]
    [InlineData(-1, 0, 0, 0, 10)]
    [InlineData(1, 2, 0, 0, 10)]
    [InlineData(1, -1, 0, 0, 10)]
    [InlineData(double.NaN, 0, 0, 0, 10)]
    [InlineData(1, 0, -1, 0, 10)]
    [InlineData(1, 0, 0, -1, 10)]
    [InlineData(1, 0, 6, 5, 10)]
    public void Impossible_schedule_is_told(double peak, double final, int warmup, int decay, int steps) =>
        Assert.Single(new LearningRateSchedule(peak, final, warmup, decay, steps).Validate());
}
