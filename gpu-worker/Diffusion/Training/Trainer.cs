using System.Diagnostics;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Training.Optimizers;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// Trains a network by a method, step by step: draws nothing itself, updates the weights, and keeps checkpoints from which a run resumes
/// to the bit.
/// </summary>
public sealed class Trainer
{
    /// <summary>The seed of held-out data, whatever the seed of the run, so that the estimates of runs compare.</summary>
    public const long ValidationSeed = 0;

    private readonly ITrainedWeights _weights;
    private readonly ITrainingMethod _method;
    private readonly TrainingOptions _options;
    private readonly string _folder;

    /// <summary>Trains to predict masked tokens: pretraining where every token is learnt, SFT where prompts are given.</summary>
    /// <param name="weights">On the device to train on.</param>
    /// <param name="validation">Held out; null where there is none.</param>
    /// <param name="folder">Holds checkpoints, metrics and curves; a run that finds a checkpoint resumes from it.</param>
    /// <exception cref="ArgumentException">The family's objective is out of range.</exception>
    public Trainer(ITrainedWeights weights, ITrainingData training, ITrainingData? validation, TrainingOptions options, string folder)
        : this(weights, new Denoising(weights, training, validation, options), options, folder)
    {
    }

    /// <summary>Trains by any method.</summary>
    /// <param name="weights">On the device to train on.</param>
    /// <param name="method">Of the same weights and options.</param>
    /// <param name="folder">As above.</param>
    public Trainer(ITrainedWeights weights, ITrainingMethod method, TrainingOptions options, string folder) =>
        (_weights, _method, _options, _folder) = (weights, method, options, folder);

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
    /// <param name="wantsCheckpoint">
    /// Asked after each step whether to save a checkpoint besides the regular ones: of that step, or of the last one of its round.
    /// </param>
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
        if (_options.Validate().ToList() is { Count: > 0 } errors)
            throw new ArgumentException(string.Join("; ", errors));

        int numSteps = _options.LearningRate.NumSteps;
        if (numSteps % _method.StepsOfRound != 0)
            throw new ArgumentException($"{numSteps} steps are not whole rounds of {_method.StepsOfRound}");
        if (_options.Optimizer == OptimizerKind.Muon && _weights is IAdapter)
            throw new ArgumentException("Muon trains whole networks; adapters are trained by AdamW");
        var model = _weights.Model;
        int longest = Math.Max(_method.MaxLength, _method.ValidationLength ?? 0);
        if (longest > model.Config.ContextLength)
            throw new ArgumentException($"The data has rows of {longest} tokens; the model takes {model.Config.ContextLength}");
        long numTrained = _weights.Parameters.Sum(entry => entry.Parameter.numel());
        int passLength = model.Config.NumVirtualTokens + _method.MaxLength;
        TrainingMemory.Require(model.Config, numTrained, model.WeightType, model.ComputeType, _options, passLength, model.Device);
        model.train();
        using var kept = Allocator.KeepMemory();
        using var optimizer = new Optimizer(_weights.Parameters, _options, model.ComputeType);
        using var average = _options.EmaDecay is { } decay ? new EmaWeights(_weights.Parameters, decay) : null;
        var checkpoints = new TrainingCheckpoint(_folder, _options.NumCheckpoints);
        var subject = new TrainingSubject(_weights, optimizer, average);
        var start = new TrainingState(0, 0, _options.Seed, _options.BatchSize, _method.Fingerprint, _method.Objective);
        var state = checkpoints.Load(subject, start);
        using var log = new MetricsLog(_folder, state.Step);
        double peak = MatmulThroughput.Measure(model.Device, model.ComputeType);
        bool isCheckpointDue = false;
        while (state.Step < numSteps)
        {
            cancellation.ThrowIfCancellationRequested();
            var clock = Stopwatch.StartNew();
            optimizer.ClearGradients();
            using var sums = new StepSums(model);
            foreach (var (index, turn) in _method.Gradient(state.Step, sums).Index())
            {
                if (index > 0)
                {
                    clock.Stop();
                    yield return null;
                    cancellation.ThrowIfCancellationRequested();
                    clock.Start();
                }
                turn();
            }
            var (loss, gradNorm) = Update(optimizer, sums.Loss, state.Step);
            double seconds = clock.Elapsed.TotalSeconds;
            var (numTokens, measures) = (sums.NumTokens, sums.Measures);
            double rate = _options.LearningRate.At(state.Step);
            state = state with { Step = state.Step + 1, NumTokens = state.NumTokens + numTokens };
            average?.Update(state.Step);

            bool isLast = state.Step == numSteps;
            bool isValidated = _method.ValidationLength is not null && (isLast || state.Step % _options.ValidationInterval == 0);
            double? validationLoss = isValidated ? 0 : null;
            if (isValidated)
            {
                foreach (double part in ValidationParts(average, measures))
                {
                    validationLoss += part;
                    yield return null;
                    cancellation.ThrowIfCancellationRequested();
                }
            }
            if (validationLoss is { } held && !double.IsFinite(held))
                throw new TrainingDivergedException(state.Step - 1, held, gradNorm);
            double mfu = sums.Flops / seconds / peak;
            var metrics = new TrainingMetrics(state.Step, loss, gradNorm, rate, numTokens / seconds, state.NumTokens, validationLoss, mfu)
            {
                Measures = measures.Count > 0 ? measures : null,
            };
            log.Write(metrics);
            yield return new TrainingProgress(metrics, Checkpoint: null);
            isCheckpointDue |= isLast || state.Step % _options.CheckpointInterval == 0 || wantsCheckpoint?.Invoke() == true;
            if (isCheckpointDue && state.Step % _method.StepsOfRound == 0)
            {
                isCheckpointDue = false;
                checkpoints.Save(subject, state);
                TrainingCurves.Draw(_folder);
                yield return new TrainingProgress(metrics, CheckpointFolder(_folder, state.Step));
            }
        }
        average?.Swap();
        model.eval();
    }

    /// <summary>The loss on what is held out, with the same rows and the same noise each time, so that estimates compare.</summary>
    /// <returns>In nats per token where masked tokens are predicted.</returns>
    public double Validate() => ValidationParts(average: null, new Dictionary<string, double>()).Sum();

    /// <summary>The terms of that loss, one for each turn.</summary>
    /// <param name="average">Judged in place of the weights; null judges these.</param>
    private IEnumerable<double> ValidationParts(EmaWeights? average, IDictionary<string, double> measures)
    {
        average?.Swap();
        try
        {
            foreach (var turn in _method.Validation(measures))
                yield return turn();
        }
        finally
        {
            average?.Swap();
        }
    }

    /// <summary>Changes the weights. The step's one synchronisation with the device.</summary>
    private (double Loss, double GradNorm) Update(Optimizer optimizer, Tensor total, int step)
    {
        using var scope = NewDisposeScope();
        float[] read = [.. cat([total, optimizer.DeviceGradientNorm()]).cpu().data<float>()];
        var (loss, gradNorm) = ((double)read[0], (double)read[1]);
        if (!double.IsFinite(loss) || !double.IsFinite(gradNorm))
            throw new TrainingDivergedException(step, loss, gradNorm);
        optimizer.Update(_options.LearningRate.At(step), Math.Min(1, _options.MaxGradNorm / (gradNorm + 1e-6)));
        return (loss, gradNorm);
    }
}
