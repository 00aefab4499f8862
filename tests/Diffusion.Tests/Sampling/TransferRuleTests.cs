using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class TransferRuleTests
{
    [Theory]
    [InlineData(0.9, new[] { 0.95, 0.91, 0.5 }, 2)]
    [InlineData(0.9, new[] { 0.4, 0.3 }, 1)]
    [InlineData(0, new[] { 0.4, 0.3, 0 }, 3)]
    [InlineData(1.5, new[] { 1, 0.99 }, 1)]
    [InlineData(0.9, new[] { 0.9, 0.1 }, 1)]
    public void Threshold_takes_predictions_at_least_as_probable_and_always_the_best(double threshold, double[] confidence, int expected) =>
        Assert.Equal(expected, Count(new() { Threshold = threshold }, confidence));

    /// <summary>From the second rank on, 2/3, 3/4, 4/5 for factor 1, and 5/6, 7/8, 9/10 for one half.</summary>
    [Theory]
    [InlineData(1, new[] { 0.99, 0.9, 0.7, 0.6 }, 2)]
    [InlineData(1, new[] { 0.99, 0.9, 0.76, 0.79 }, 3)]
    [InlineData(0.5, new[] { 0.99, 0.84, 0.88, 0.89 }, 3)]
    [InlineData(0.5, new[] { 0.1, 0.1 }, 1)]
    public void Factor_asks_more_of_each_further_token(double factor, double[] confidence, int expected) =>
        Assert.Equal(expected, Count(new() { Factor = factor }, confidence));

    [Fact]
    public void Sequential_takes_the_leftmost_whatever_their_confidence() =>
        Assert.Equal([0, 1], Chosen(new() { Remasking = Remasking.Sequential }, quota: 2, 0.1, 0.2, 0.9));

    /// <summary>Entropies 0.5, 0.1, 0.3 and 2: sums 0.1, 0.4, 0.9, 2.9.</summary>
    [Theory]
    [InlineData(0.05, new[] { 1 })]
    [InlineData(0.1, new[] { 1 })]
    [InlineData(0.41, new[] { 1, 2 })]
    [InlineData(1, new[] { 0, 1, 2 })]
    [InlineData(5, new[] { 0, 1, 2, 3 })]
    public void Entropies_are_added_from_the_lowest_while_their_sum_stays_below_the_bound(double bound, int[] expected) =>
        Assert.Equal(
            expected,
            Chosen(new() { Remasking = Remasking.EntropyBounded, EntropyBound = bound }, quota: 1, -0.5, -0.1, -0.3, -2).Order());

    [Fact]
    public void Schedule_sets_the_least_that_a_step_commits() =>
        Assert.Equal(3, TransferRule.Choose(Predictions(0.95, 0.1, 0.2, 0.3), new() { Threshold = 0.9 }, quota: 3).Count());

    [Fact]
    public void Run_threshold_adds_the_best_of_every_run()
    {
        (int Position, double Confidence)[] masks = [(0, 0.5), (1, 0.6), (2, 0.55), (5, 0.3), (6, 0.2), (9, 0.45), (12, 0.95)];
        var predictions = masks.Select(mask => new Prediction(mask.Position, 0, mask.Confidence, mask.Confidence)).ToList();

        var chosen = TransferRule.Choose(predictions, new() { Threshold = 0.9, RunThreshold = 0.4 }, quota: 1);

        Assert.Equal([1, 9, 12], chosen.Select(prediction => prediction.Position).Order());
    }

    [Fact]
    public void Equals_are_taken_from_the_left() =>
        Assert.Equal([0, 1], TransferRule.Choose(Predictions(0.5, 0.5, 0.5), new(), quota: 2).Select(prediction => prediction.Position));

    private static int Count(SamplingOptions options, double[] confidence) =>
        TransferRule.Choose(Predictions(confidence), options, quota: 1).Count();

    private static int[] Chosen(SamplingOptions options, int quota, params double[] confidence) =>
        [.. TransferRule.Choose(Predictions(confidence), options, quota).Select(prediction => prediction.Position)];

    private static List<Prediction> Predictions(params double[] confidence) =>
        [.. confidence.Select((value, position) => new Prediction(position, 0, value, value))];
}
