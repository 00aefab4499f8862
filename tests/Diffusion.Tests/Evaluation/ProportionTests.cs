using LLaDA.Diffusion.Evaluation;

namespace LLaDA.Diffusion.Tests.Evaluation;

public sealed class ProportionTests
{
    [Theory]
    [InlineData(0, 10, 0, 0.2775)]
    [InlineData(5, 10, 0.2366, 0.7634)]
    [InlineData(10, 10, 0.7225, 1)]
    [InlineData(81, 263, 0.2553, 0.3662)]      // Newcombe 1998, Table I
    public void Interval_is_that_of_Wilson(int count, int trials, double low, double high)
    {
        var interval = new Proportion(count, trials).Interval;

        Assert.Equal(low, interval.Low, 1e-4);
        Assert.Equal(high, interval.High, 1e-4);
    }

    [Fact]
    public void Interval_holds_the_truth_about_as_often_as_it_says()
    {
        var random = new Random(3);
        int held = Enumerable.Range(0, 4000).Count(_ =>
        {
            var (low, high) = Proportion.Of(Enumerable.Range(0, 60).Select(_ => random.NextDouble() < 0.3).ToList()).Interval;
            return low <= 0.3 && 0.3 <= high;
        });

        Assert.InRange(held / 4000.0, 0.93, 0.97);
    }
}
