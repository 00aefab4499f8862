using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training.Bounds;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training.Preferences;

/// <summary>
/// Direct preference optimisation with likelihood bounds and reduced variance: VRPO (LLaDA 1.5, Zhu et al. 2025). The policy learns to
/// prefer one response of each pair to the other, measured against a reference that sees the same noise levels and masks.
/// </summary>
/// <remarks>
/// The slope of the loss is known only when all bounds of a pair are. So every row passes twice: first without gradient through policy and
/// reference, then with its gradient scaled. Memory is that of one pass of denoising at a time.
/// </remarks>
public sealed class PreferenceTraining : ITrainingMethod
{
    private const int ValidationPairs = 64;

    private readonly ITrainedWeights _policy;
    private readonly IReferenceModel _reference;
    private readonly ITrainingData _training;
    private readonly ITrainingData? _validation;
    private readonly TrainingOptions _options;
    private readonly PreferenceOptions _preference;
    private readonly DiffusionObjective _objective;
    private readonly BoundPasses _passes;

    /// <param name="training">Pairs: a batch has two rows of each, the preferred response first; no token attends to padding.</param>
    /// <param name="validation">Likewise; null where nothing is held out.</param>
    /// <param name="options">With those of preferences.</param>
    /// <exception cref="ArgumentException">The options have none.</exception>
    public PreferenceTraining(
        ITrainedWeights policy, IReferenceModel reference, ITrainingData training, ITrainingData? validation, TrainingOptions options)
    {
        (_policy, _reference, _training, _validation, _options) = (policy, reference, training, validation, options);
        _preference = options.Preference ?? throw new ArgumentException("There are no options of preferences", nameof(options));
        _objective = options.FamilyObjective ?? DiffusionObjective.Of(policy.Model.Config);
        _passes = new BoundPasses(
            policy.Model.Config, _objective, _preference.Samples, options.MicroBatchSize ?? options.RowsOfStep);
    }

    public string Objective => $"{_preference.Objective}, {_options.Updates}"
        + (_objective == DiffusionObjective.LLaDA ? "" : $", {_objective.Name}");

    public string Fingerprint => _training.Fingerprint;

    public int MaxLength => _training.MaxLength;

    public int? ValidationLength => _validation?.MaxLength;

    public int StepsOfRound => 1;

    public IEnumerable<Action> Gradient(int step, StepSums sums)
    {
        var batch = _training.Batch(step, _options.BatchSize);
        var random = new CounterRandom((ulong)_options.Seed);
        var scores = new PreferenceScores(batch, _preference);
        foreach (var rows in _passes.Of(batch, random, step))
        {
            yield return () =>
            {
                Score(rows, scores);
                sums.AddForwardPass(rows.Batch);
                sums.AddForwardPass(rows.Batch);
            };
        }
        scores.Report(sums.Measures);
        sums.AddLoss(scores.Loss);
        foreach (var rows in _passes.Of(batch, random, step))
        {
            yield return () =>
            {
                using var scope = NewDisposeScope();
                DiffusionLoss.Backward(_policy.Model, rows.Times(scores.Factor), _options.ActivationCheckpointing);
                sums.AddPass(rows.Batch);
            };
        }
    }

    /// <summary>The loss of up to 64 held-out pairs, with the same noise each time.</summary>
    public IEnumerable<Func<double>> Validation(IDictionary<string, double> measures)
    {
        var held = _validation ?? throw new InvalidOperationException("There are no held-out pairs");
        var batch = held.Batch(step: 0, Math.Min(ValidationPairs, held.NumRows));
        var scores = new PreferenceScores(batch, _preference);
        foreach (var rows in _passes.Of(batch, new CounterRandom(0), step: 0))
        {
            yield return () =>
            {
                Score(rows, scores);
                return 0;
            };
        }
        yield return () =>
        {
            scores.Report(measures, "valid_");
            return scores.Loss;
        };
    }

    private void Score(BoundRows rows, PreferenceScores scores)
    {
        double[] policy = DiffusionLoss.EvaluateRows(_policy.Model, rows.Batch);
        scores.Add(rows, policy, _reference.Run(model => DiffusionLoss.EvaluateRows(model, rows.Batch)));
    }
}
