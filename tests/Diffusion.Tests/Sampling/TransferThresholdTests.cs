using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>Predictions that lie exactly on a threshold, in numbers that binary fractions hold exactly.</summary>
public sealed class TransferThresholdTests
{
    [Fact]
    public void Factor_takes_a_prediction_that_lies_on_its_threshold() =>
        Assert.Equal(3, TransferRule.Choose(Predictions(0.99, 0.95, 0.875), new() { Factor = 0.5 }, quota: 1).Count());

    [Fact]
    public void Run_threshold_takes_a_prediction_that_lies_on_it() =>
        Assert.Equal([0, 2], Positions(TransferRule.Choose(Predictions(0.99, 0, 0.5), new() { Threshold = 0.9, RunThreshold = 0.5 }, quota: 1)));

    [Fact]
    public void Of_equals_in_a_run_the_left_one_is_the_best()
    {
        Prediction[] predictions = [new(0, 0, 0.99, 0.99), new(5, 0, 0.5, 0.5), new(6, 0, 0.5, 0.5)];

        Assert.Equal([0, 5], Positions(TransferRule.Choose(predictions, new() { Threshold = 0.9, RunThreshold = 0.4 }, quota: 1)));
    }

    private static IEnumerable<int> Positions(IEnumerable<Prediction> chosen) => chosen.Select(prediction => prediction.Position).Order();

    /// <summary>By position; 0 stands for a position between two runs.</summary>
    private static List<Prediction> Predictions(params double[] confidence) =>
        [.. confidence.Index().Where(entry => entry.Item > 0).Select(entry => new Prediction(entry.Index, 0, entry.Item, entry.Item))];
}
