using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training.Bounds;
using LLaDA.Diffusion.Training.Preferences;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training.Preferences;

/// <summary>The estimates of a pair: their mean against the enumeration of all masks, and their variance.</summary>
public sealed class PreferenceEstimateTests : IDisposable
{
    private static readonly int[] s_prompt = [1, 2], s_chosen = [4, 5, 6], s_rejected = [7, 8, 9, 3];

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly MaskPredictor _model = TinyModel.Random();
    private readonly LoraWeights _policy;
    private readonly LoraReference _reference;

    public PreferenceEstimateTests()
    {
        _policy = new LoraWeights(_model, new LoraOptions { Rank = 2 });
        _reference = new LoraReference(_policy);
        TinyPairs.Move(_policy);
    }

    public void Dispose()
    {
        _reference.Dispose();
        _policy.Dispose();
        _model.Dispose();
        _scope.Dispose();
    }

    /// <summary>Within four standard errors, of which the means of the steps tell.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    public void Mean_of_the_margins_and_of_the_losses_is_that_over_all_masks(int numSamples, bool isAntithetic)
    {
        var preference = new PreferenceOptions { Beta = 1, NumSamples = numSamples, IsAntithetic = isAntithetic };
        var (chosen, rejected) = (Gains(s_chosen), Gains(s_rejected));
        double margin = chosen.Sum(mask => mask.Probability * mask.Gain) - rejected.Sum(mask => mask.Probability * mask.Gain);
        double loss = chosen.Sum(one => rejected.Sum(other =>
            one.Probability * other.Probability * PreferenceScores.LossOf(one.Gain - other.Gain)));

        var found = Draw(preference, s_chosen, s_rejected, numSteps: 32, batchSize: 64);

        AssertMean(margin, found.Margins);
        if (numSamples == 1)
            AssertMean(loss, found.Losses);     // which is not linear: that of more samples is another one
        Assert.NotEqual(0, margin, 0.05);
    }

    [Fact]
    public void Antithetic_samples_vary_less_than_independent_ones()
    {
        int[] chosen = [4, 5, 6, 11, 12, 30, 2, 19], rejected = [7, 8, 9, 3, 22, 10];
        double VarianceOf(bool isAntithetic)
        {
            var options = new PreferenceOptions { Beta = 1, IsAntithetic = isAntithetic };
            return Variance(Draw(options, chosen, rejected, numSteps: 60, batchSize: 8).Margins);
        }

        double ratio = VarianceOf(true) / VarianceOf(false);

        Assert.InRange(ratio, 0, 0.8);
    }

    private static void AssertMean(double expected, double[] found)
    {
        double error = Math.Sqrt(Variance(found) / found.Length);
        Assert.InRange(found.Average(), expected - (4 * error), expected + (4 * error));
        Assert.InRange(error, 0, 0.1);
    }

    private static double Variance(double[] values)
    {
        double mean = values.Average();
        return values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1);
    }

    /// <returns>Means over the pairs of each step.</returns>
    private (double[] Margins, double[] Losses) Draw(
        PreferenceOptions preference, int[] chosen, int[] rejected, int numSteps, int batchSize)
    {
        var method = new PreferenceTraining(
            _policy, _reference, new TinyPairs((s_prompt, chosen, rejected)), null, TinyPairs.Options(preference, batchSize));
        var steps = Enumerable.Range(0, numSteps).Select(step => TinyPairs.Measures(_model, method, step)).ToList();
        return ([.. steps.Select(step => step["margin"])], [.. steps.Select(step => step["preference_loss"])]);
    }

    /// <summary>Every mask of an answer with its probability and the difference of the two estimates of it.</summary>
    private (double Probability, double Gain)[] Gains(int[] answer)
    {
        int length = answer.Length;
        bool[][] patterns = [.. Enumerable.Range(1, (1 << length) - 1).Select(bits =>
            Enumerable.Range(0, length).Select(token => (bits >> token & 1) == 1).ToArray())];
        double[] Sums(MaskPredictor network) =>
            new LikelihoodEstimator(network, maxTokens: 4096).CrossEntropies(s_prompt, answer, patterns);
        return [.. patterns.Zip(Sums(_model), _reference.Run(Sums)).Select(entry =>
        {
            int masked = entry.First.Count(isMasked => isMasked);
            return (1 / (length * Choose(length, masked)), (entry.Third - entry.Second) * length / masked);
        })];
    }

    private static double Choose(int count, int chosen) =>
        Enumerable.Range(0, chosen).Aggregate(1.0, (product, index) => product * (count - index) / (index + 1));
}
