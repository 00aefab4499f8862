using System.Diagnostics;
using System.Globalization;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// Trains a mask predictor: pretraining where every token is learnt (LLaDA, Algorithm 1), SFT where prompts are given (Algorithm 2).
/// The data decides which. Other families are trained by their own objective (<see cref="DiffusionObjective"/>), and a causal network
/// learns to predict the next token instead.
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
/// <item><term>optimizer step</term><description><see cref="AdamW.Update"/></description></item>
/// </list>
/// </remarks>
public sealed class Trainer
{
    /// <summary>The seed of held-out data, whatever the seed of the run, so that the estimates of runs compare.</summary>
    public const long ValidationSeed = 0;

    private const int ValidationRows = 128;

    private readonly ITrainedWeights _weights;
    private readonly ITrainingData _training;
    private readonly ITrainingData? _validation;
    private readonly TrainingOptions _options;
    private readonly string _folder;
    private readonly CounterRandom _random;
    private readonly DiffusionObjective _objective;
    private readonly double _balanceWeight;

    /// <param name="weights">On the device to train on.</param>
    /// <param name="validation">Held out; null where there is none.</param>
    /// <param name="folder">Holds checkpoints, metrics and curves; a run that finds a checkpoint resumes from it.</param>
    public Trainer(ITrainedWeights weights, ITrainingData training, ITrainingData? validation, TrainingOptions options, string folder)
    {
        (_weights, _training, _validation, _options, _folder) = (weights, training, validation, options, folder);
        _random = new CounterRandom((ulong)options.Seed);
        _objective = options.FamilyObjective ?? DiffusionObjective.Of(weights.Model.Config);
        bool trainsExperts = weights.Parameters.Any(entry =>
            entry.Name.Contains(".moe.router", StringComparison.Ordinal) || entry.Name.Contains(".moe.experts", StringComparison.Ordinal));
        _balanceWeight = trainsExperts ? weights.Model.Config.Experts?.BalanceWeight ?? 0 : 0;
    }

    /// <returns>The folder in which a run keeps the checkpoint of a step.</returns>
    /// <param name="folder">Of the run.</param>
    public static string CheckpointFolder(string folder, int step) => TrainingCheckpoint.Folder(folder, step);

    /// <summary>Trains until the learning rate schedule ends. The parameters are then their EMA, where one is kept.</summary>
    /// <param name="onStep">Called after each step.</param>
    /// <exception cref="ArgumentException">Options out of range, or rows longer than the model's context.</exception>
    /// <exception cref="TrainingMemoryException">The run does not fit its device.</exception>
    /// <exception cref="TrainingDivergedException">The loss or the gradient is no longer finite; the last checkpoint stays.</exception>
    /// <exception cref="CheckpointException">The last checkpoint is damaged, or another run's.</exception>
    public void Run(Action<TrainingMetrics>? onStep = null, CancellationToken cancellation = default)
    {
        foreach (var progress in Steps(cancellation: cancellation))
        {
            if (progress.Checkpoint is null)
                onStep?.Invoke(progress.Metrics);
        }
    }

    /// <summary>
    /// The same, one step at a time: the caller may do other work between steps, on the same thread. Optimizer and log are freed with the
    /// enumerator.
    /// </summary>
    /// <param name="wantsCheckpoint">Asked after each step whether to save a checkpoint of it besides the regular ones.</param>
    /// <returns>Each step and, where a checkpoint of it was saved, the same step with the checkpoint's folder.</returns>
    public IEnumerable<TrainingProgress> Steps(Func<bool>? wantsCheckpoint = null, CancellationToken cancellation = default) =>
        Turns(wantsCheckpoint, cancellation).OfType<TrainingProgress>();

    /// <summary>
    /// The same in turns of bounded length: a micro-batch, a pass over held-out rows or a checkpoint is one. The caller may do other work
    /// between turns, on the same thread, and may end there: weights change at the end of a step only.
    /// </summary>
    /// <param name="wantsCheckpoint">As for <see cref="Steps"/>.</param>
    /// <param name="cancellation">Observed between turns.</param>
    /// <returns>What <see cref="Steps"/> returns, and null after each turn in between.</returns>
    public IEnumerable<TrainingProgress?> Turns(Func<bool>? wantsCheckpoint = null, CancellationToken cancellation = default)
    {
        if (_options.Validate().Concat(_objective.Validate()).ToList() is { Count: > 0 } errors)
            throw new ArgumentException(string.Join("; ", errors));

        var model = _weights.Model;
        int longest = Math.Max(_training.MaxLength, _validation?.MaxLength ?? 0);
        if (longest > model.Config.MaxSequenceLength)
            throw new ArgumentException($"The data has rows of {longest} tokens; the model takes {model.Config.MaxSequenceLength}");
        long numTrained = _weights.Parameters.Sum(entry => entry.Parameter.numel());
        TrainingMemory.Require(model.Config, numTrained, model.WeightType, model.ComputeType, _options, _training.MaxLength, model.Device);
        model.train();
        var groups = DecayingParameter.Groups(_weights.Parameters, _options.WeightDecay);
        using var optimizer = new AdamW(groups, _options.Beta1, _options.Beta2);
        using var average = _options.EmaDecay is { } decay ? new EmaWeights(_weights.Parameters, decay) : null;
        var checkpoints = new TrainingCheckpoint(_folder, _options.NumCheckpoints);
        var subject = new TrainingSubject(_weights, optimizer, average);
        var start = new TrainingState(0, 0, _options.Seed, _options.BatchSize, _training.Fingerprint, Described());
        var state = checkpoints.Load(subject, start);
        using var log = new MetricsLog(_folder, state.Step);
        int numSteps = _options.LearningRate.NumSteps;
        double peak = MatmulThroughput.Measure(model.Device, model.ComputeType);
        while (state.Step < numSteps)
        {
            cancellation.ThrowIfCancellationRequested();
            var clock = Stopwatch.StartNew();
            var batch = NextBatch(state.Step);
            optimizer.ClearGradients();
            using var total = Zero();
            foreach (var (index, slice) in Slices(batch).Index())
            {
                if (index > 0)
                {
                    clock.Stop();
                    yield return null;
                    cancellation.ThrowIfCancellationRequested();
                    clock.Start();
                }
                AddGradient(slice, total);
            }
            var (loss, gradNorm) = Update(optimizer, total, state.Step);
            double seconds = clock.Elapsed.TotalSeconds;
            var (numTokens, flops) = (batch.Tokens.Length, MatmulThroughput.FlopsOf(model.Config, batch));
            double rate = _options.LearningRate.At(state.Step);
            state = state with { Step = state.Step + 1, NumTokens = state.NumTokens + numTokens };
            average?.Update(state.Step);

            bool isLast = state.Step == numSteps;
            bool isValidated = _validation is not null && (isLast || state.Step % _options.ValidationInterval == 0);
            double? validationLoss = isValidated ? 0 : null;
            if (isValidated)
            {
                foreach (double part in ValidationParts(average))
                {
                    validationLoss += part;
                    yield return null;
                    cancellation.ThrowIfCancellationRequested();
                }
            }
            if (validationLoss is { } held && !double.IsFinite(held))
                throw new TrainingDivergedException(state.Step - 1, held, gradNorm);
            double mfu = flops / seconds / peak;
            var metrics = new TrainingMetrics(state.Step, loss, gradNorm, rate, numTokens / seconds, state.NumTokens, validationLoss, mfu);
            log.Write(metrics);
            yield return new TrainingProgress(metrics, Checkpoint: null);
            if (isLast || state.Step % _options.CheckpointInterval == 0 || wantsCheckpoint?.Invoke() == true)
            {
                checkpoints.Save(subject, state);
                TrainingCurves.Draw(_folder);
                yield return new TrainingProgress(metrics, CheckpointFolder(_folder, state.Step));
            }
        }
        average?.Swap();
        model.eval();
    }

    /// <summary>
    /// The bound on held-out text, with the same rows and the same noise each time and for every batch size, so that estimates compare.
    /// </summary>
    /// <returns>Nats per token.</returns>
    public double Validate() => ValidationParts(average: null).Sum();

    /// <summary>The terms of that bound, one for each pass.</summary>
    /// <param name="average">Judged in place of the weights; null judges these.</param>
    private IEnumerable<double> ValidationParts(EmaWeights? average)
    {
        var held = (_validation ?? throw new InvalidOperationException("There is no held-out text")).Batch(step: 0, ValidationRows);
        var batch = Noise(_objective.Bound, held, new CounterRandom(0), step: 0, isStratified: true, masksEveryRow: false);
        average?.Swap();
        try
        {
            foreach (var slice in Slices(batch))
                yield return DiffusionLoss.Evaluate(_weights.Model, slice);
        }
        finally
        {
            average?.Swap();
        }
    }

    private NoisedBatch NextBatch(int step)
    {
        var clean = CutSometimes(_training.Batch(step, _options.BatchSize), step);
        var objective = _options.NoiseLevels == NoiseLevels.All ? _objective : _objective with { NoiseLevels = _options.NoiseLevels };
        return Noise(objective, clean, _random, (uint)step, _options.StratifiesTimes, _options.MasksEveryRow);
    }

    /// <summary>[1], of no dispose scope: turns of other work lie between its uses.</summary>
    private Tensor Zero() => zeros(1, device: _weights.Model.Device).DetachFromDisposeScope();

    /// <summary>Adds the gradient of a micro-batch to those of the parameters, and its loss to the total.</summary>
    private void AddGradient(NoisedBatch slice, Tensor total)
    {
        using var scope = NewDisposeScope();
        total.add_(
            DiffusionLoss.Backward(_weights.Model, slice, _options.ActivationCheckpointing, balanceWeight: _balanceWeight),
            StaticScalars.One);
    }

    /// <summary>Changes the weights. The step's one synchronisation with the device.</summary>
    private (double Loss, double GradNorm) Update(AdamW optimizer, Tensor total, int step)
    {
        using var scope = NewDisposeScope();
        float[] read = [.. cat([total, optimizer.DeviceGradientNorm()]).cpu().data<float>()];
        var (loss, gradNorm) = ((double)read[0], (double)read[1]);
        if (!double.IsFinite(loss) || !double.IsFinite(gradNorm))
            throw new TrainingDivergedException(step, loss, gradNorm);
        optimizer.Update(_options.LearningRate.At(step), Math.Min(1, _options.MaxGradNorm / (gradNorm + 1e-6)));
        return (loss, gradNorm);
    }

    private NoisedBatch Noise(
        DiffusionObjective objective, TrainingBatch batch, CounterRandom random, uint step, bool isStratified, bool masksEveryRow)
    {
        var config = _weights.Model.Config;
        if (config.IsCausal)
            return NextTokens.Of(batch, _options.Reduction);
        var reduction = _options.Reduction == LossReduction.Answer ? objective.Reduction : _options.Reduction;
        var noised = ForwardProcess.Noise(
                batch, config.MaskTokenId, random, step, isStratified, objective.NoiseLevels, masksEveryRow, objective)
            .Weigh(batch.PromptLengths, reduction, objective);
        return objective.IsBlockDiffusion ? noised.WithClean(batch.Rows) : noised;
    }

    /// <summary>What checkpoints say is minimised; of LLaDA in the words of the first release.</summary>
    private string Described() => _options.Objective
        + (_objective == DiffusionObjective.LLaDA ? "" : $", {_objective}")
        + (_balanceWeight > 0 ? string.Create(CultureInfo.InvariantCulture, $", balance {_balanceWeight}") : "");

    /// <summary>The forward passes of a batch.</summary>
    private IEnumerable<NoisedBatch> Slices(NoisedBatch batch)
    {
        int size = _options.MicroBatchSize ?? _options.BatchSize;
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
