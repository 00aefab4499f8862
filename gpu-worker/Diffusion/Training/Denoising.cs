using System.Globalization;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training.Optimizers;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// Learns to predict masked tokens: pretraining where every token is learnt (LLaDA, Algorithm 1), SFT where prompts are given (Algorithm
/// 2). The data decides which. Other families have their own objective (<see cref="DiffusionObjective"/>), and a causal network learns to
/// predict the next token instead.
/// </summary>
/// <remarks>
/// Where each line of the two algorithms is computed:
/// <list type="table">
/// <item><term>x_0 or (p_0, r_0) ~ p_data</term><description><see cref="ITrainingData.Batch"/></description></item>
/// <item><term>a random length for 1 % of the data</term><description><see cref="CutSometimes"/></description></item>
/// <item><term>t ~ U(0, 1]</term><description><see cref="ForwardProcess"/>, Noise</description></item>
/// <item><term>x_t or r_t ~ q(. | x_0)</term><description>the same, which keeps the prompt p_0 clean</description></item>
/// <item><term>1 / (t L) or 1 / (t L')</term><description><see cref="LossWeights.Of"/></description></item>
/// <item><term>sum of 1[x_t = M] log p(x_0 | x_t)</term><description><see cref="DiffusionLoss.Backward"/></description></item>
/// <item><term>gradient</term><description><see cref="CheckpointedForward.Backward(Tensor)"/></description></item>
/// <item><term>optimizer step</term><description><see cref="Optimizer.Update"/></description></item>
/// </list>
/// </remarks>
public sealed class Denoising : ITrainingMethod
{
    private const int ValidationRows = 128;

    private readonly ITrainedWeights _weights;
    private readonly ITrainingData _training;
    private readonly ITrainingData? _validation;
    private readonly TrainingOptions _options;
    private readonly CounterRandom _random;
    private readonly DiffusionObjective _objective;
    private readonly double _balanceWeight;

    /// <exception cref="ArgumentException">The objective is out of range.</exception>
    public Denoising(ITrainedWeights weights, ITrainingData training, ITrainingData? validation, TrainingOptions options)
    {
        (_weights, _training, _validation, _options) = (weights, training, validation, options);
        _random = new CounterRandom((ulong)options.Seed);
        _objective = options.FamilyObjective ?? DiffusionObjective.Of(weights.Model.Config);
        if (_objective.Validate().ToList() is { Count: > 0 } errors)
            throw new ArgumentException(string.Join("; ", errors));
        if (options.HasComplements && weights.Model.Config.IsCausal)
            throw new ArgumentException("A causal network has no masks, and so no complementary ones");
        bool trainsExperts = weights.Parameters.Any(entry => entry.Name.Contains(".moe.experts", StringComparison.Ordinal));
        _balanceWeight = trainsExperts ? weights.Model.Config.Experts?.BalanceWeight ?? 0 : 0;
    }

    /// <summary>Of LLaDA in the words of the first release.</summary>
    public string Objective => _options.Objective
        + (_objective == DiffusionObjective.LLaDA ? "" : $", {_objective}")
        + (_balanceWeight > 0 ? string.Create(CultureInfo.InvariantCulture, $", balance {_balanceWeight}") : "");

    public string Fingerprint => _training.Fingerprint;

    public int MaxLength => _training.MaxLength;

    public int? ValidationLength => _validation?.MaxLength;

    public int StepsOfRound => 1;

    public IEnumerable<Action> Gradient(int step, StepSums sums)
    {
        var clean = CutSometimes(_training.Batch(step, _options.BatchSize), step);
        var objective = _options.NoiseLevels == NoiseLevels.All ? _objective : _objective with { NoiseLevels = _options.NoiseLevels };
        var batch = Noise(objective, clean, _random, (uint)step, _options.StratifiesTimes, _options.MasksEveryRow, _options.HasComplements);
        return Slices(batch).Select(slice => (Action)(() => AddGradient(slice, sums)));
    }

    /// <summary>
    /// The bound on held-out text in nats per token, with the same rows and the same noise each time and for every batch size, so that
    /// estimates compare.
    /// </summary>
    public IEnumerable<Func<double>> Validation(IDictionary<string, double> measures)
    {
        var held = (_validation ?? throw new InvalidOperationException("There is no held-out text")).Batch(step: 0, ValidationRows);
        var batch = Noise(_objective.Bound, held, new CounterRandom(0), step: 0, isStratified: true, masksEveryRow: false);
        return Slices(batch).Select(slice => (Func<double>)(() => DiffusionLoss.Evaluate(_weights.Model, slice)));
    }

    private void AddGradient(NoisedBatch slice, StepSums sums)
    {
        using var scope = NewDisposeScope();
        sums.AddLoss(DiffusionLoss.Backward(
            _weights.Model, slice, _options.ActivationCheckpointing, balanceWeight: _balanceWeight));
        sums.AddPass(slice);
    }

    private NoisedBatch Noise(
        DiffusionObjective objective, TrainingBatch batch, CounterRandom random, uint step, bool isStratified, bool masksEveryRow,
        bool hasComplements = false)
    {
        var config = _weights.Model.Config;
        if (config.IsCausal)
            return NextTokens.Of(batch, _options.Reduction);
        var reduction = _options.Reduction == LossReduction.Answer ? objective.Reduction : _options.Reduction;
        var noised = ForwardProcess.Noise(
            batch, config.MaskTokenId, random, step, isStratified, objective.NoiseLevels, masksEveryRow, objective, hasComplements);
        var passed = hasComplements ? batch.Twice() : batch;
        noised = noised.Weigh(passed.PromptLengths, reduction, objective);
        return objective.IsBlockDiffusion ? noised.WithClean(passed.Rows) : noised;
    }

    /// <summary>The forward passes of a batch.</summary>
    private IEnumerable<NoisedBatch> Slices(NoisedBatch batch)
    {
        int size = _options.MicroBatchSize ?? _options.RowsOfStep;
        for (int first = 0; first < batch.BatchSize; first += size)
            yield return batch.Slice(first, Math.Min(size, batch.BatchSize - first));
    }

    private TrainingBatch CutSometimes(TrainingBatch batch, int step)
    {
        if (_random.Uniform((uint)step, 0, RandomStream.RandomCut) >= _options.RandomLengthRatio)
            return batch;
        return batch.Cut(1 + (int)_random.Below((ulong)batch.Length, (uint)step, 0, RandomStream.RandomLength));
    }
}
