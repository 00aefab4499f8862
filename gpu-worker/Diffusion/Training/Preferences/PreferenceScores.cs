using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training.Bounds;

namespace LLaDA.Diffusion.Training.Preferences;

/// <summary>
/// The likelihood bounds B of the responses of a batch, and what follows from them (VRPO, Equation 4): of each pair the margin
/// s = beta (B_policy(chosen) - B_reference(chosen)) - beta (B_policy(rejected) - B_reference(rejected)) and the loss -log sigmoid(s).
/// </summary>
internal sealed class PreferenceScores(TrainingBatch batch, PreferenceOptions options)
{
    private readonly ResponseBounds _policy = new(batch.BatchSize), _reference = new(batch.BatchSize);

    /// <summary>Pairs of the batch.</summary>
    private int NumPairs => batch.BatchSize / 2;

    /// <summary>Adds the negative bounds that rows estimate.</summary>
    /// <param name="policy">By row, in nats; the reference's likewise.</param>
    public void Add(BoundRows rows, double[] policy, double[] reference)
    {
        _policy.Add(rows, policy);
        _reference.Add(rows, reference);
    }

    /// <summary>s of a pair. Of equal models it is 0 exactly.</summary>
    public double Margin(int pair) => options.Beta * (Gain(2 * pair) - Gain((2 * pair) + 1));

    /// <summary>The mean loss of the pairs and the weighted loss of the preferred responses.</summary>
    public double Loss => PreferenceLoss + (options.SftWeight * Enumerable.Range(0, NumPairs)
        .Average(pair => -_policy[2 * pair] / Length(2 * pair)));

    /// <summary>
    /// What the gradient of a response's negative bound counts in that of the loss: sigmoid(-s) beta for a preferred response, its negative
    /// for the other, over the number of pairs; and the SFT loss.
    /// </summary>
    public double Factor(int response)
    {
        bool isChosen = response % 2 == 0;
        double slope = Sigmoid(-Margin(response / 2)) * options.Beta / Unit(response);
        return (isChosen ? slope + (options.SftWeight / Length(response)) : -slope) / NumPairs;
    }

    /// <summary>Means over the pairs, under names of the wire. A pair of equal gains counts half as right.</summary>
    /// <param name="prefix">Before each name.</param>
    public void Report(IDictionary<string, double> measures, string prefix = "")
    {
        int[] pairs = [.. Enumerable.Range(0, NumPairs)];
        measures[prefix + "preference_loss"] = PreferenceLoss;
        measures[prefix + "margin"] = pairs.Average(Margin);
        measures[prefix + "accuracy"] = pairs.Average(pair => (Math.Sign(Margin(pair)) + 1) / 2.0);
        measures[prefix + "chosen_elbo"] = pairs.Average(pair => _policy[2 * pair]);
        measures[prefix + "rejected_elbo"] = pairs.Average(pair => _policy[(2 * pair) + 1]);
        measures[prefix + "chosen_reference_elbo"] = pairs.Average(pair => _reference[2 * pair]);
        measures[prefix + "rejected_reference_elbo"] = pairs.Average(pair => _reference[(2 * pair) + 1]);
    }

    /// <summary>-log sigmoid(s) without overflow.</summary>
    internal static double LossOf(double margin) => Math.Max(-margin, 0) + double.LogP1(Math.Exp(-Math.Abs(margin)));

    private double PreferenceLoss => Enumerable.Range(0, NumPairs).Average(pair => LossOf(Margin(pair)));

    private double Gain(int response) => (_policy[response] - _reference[response]) / Unit(response);

    private int Unit(int response) => options.NormalizesLength ? Length(response) : 1;

    private int Length(int response) => batch.Ends[response] - batch.PromptLengths[response];

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
