using System.Diagnostics;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>Trains a mask predictor: pretraining where every token is learnt (LLaDA, Algorithm 1), SFT where prompts are given (Algorithm 2). The data says which. A causal network learns to predict the next token instead.</summary>
/// <param name="weights">On the device to train on.</param>
/// <param name="validation">Held out; null where there is none.</param>
/// <param name="folder">Holds checkpoints, metrics and curves; a run that finds a checkpoint goes on from it.</param>
public sealed class Trainer(ITrainedWeights weights, ITrainingData training, ITrainingData? validation, TrainingOptions options, string folder)
{
    /// <summary>For the data that is held out, whatever the seed of the run: so the estimates of runs compare.</summary>
    public const long ValidationSeed = 0;

    private const int ValidationRows = 128;

    private readonly CounterRandom _random = new((ulong)options.Seed);

    /// <summary>Where a run keeps the checkpoint of a step.</summary>
    /// <param name="folder">Of the run.</param>
    public static string CheckpointFolder(string folder, int step) => TrainingCheckpoint.Folder(folder, step);

    /// <summary>Trains until the learning rate schedule ends. The weights are then their moving average, where one is kept.</summary>
    /// <param name="onStep">Called after each step.</param>
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

    /// <summary>The same, one step at a time: whoever enumerates may do other things in between, on the same thread. What the run needs is freed with the enumerator.</summary>
    /// <param name="wantsCheckpoint">Asked after each step whether to keep a checkpoint of it besides the usual ones.</param>
    /// <returns>Each step, and after it the checkpoint that was made of it, if one was.</returns>
    public IEnumerable<TrainingProgress> Steps(Func<bool>? wantsCheckpoint = null, CancellationToken cancellation = default)
    {
        if (options.Validate().ToList() is { Count: > 0 } errors)
            throw new ArgumentException(string.Join("; ", errors));

        var model = weights.Model;
        if (Math.Max(training.MaxLength, validation?.MaxLength ?? 0) is var longest && longest > model.Config.MaxSequenceLength)
            throw new ArgumentException($"The data has rows of {longest} tokens; the model takes {model.Config.MaxSequenceLength}");
        TrainingMemory.Require(model.Config, weights.Parameters.Sum(entry => entry.Parameter.numel()), model.WeightType, model.ComputeType, options, training.MaxLength, model.Device);
        model.train();
        using var optimizer = new AdamW(DecayingParameter.Groups(weights.Parameters, options.WeightDecay), options.Beta1, options.Beta2);
        using var average = options.EmaDecay is { } decay ? new EmaWeights(weights.Parameters, decay) : null;
        var checkpoints = new TrainingCheckpoint(folder, options.NumCheckpoints);
        var subject = new TrainingSubject(weights, optimizer, average);
        var state = checkpoints.Load(subject, new TrainingState(0, 0, options.Seed, options.BatchSize, training.Fingerprint, options.Objective));
        using var log = new MetricsLog(folder, state.Step);
        int numSteps = options.LearningRate.NumSteps;
        double peak = MatmulThroughput.Measure(model.Device, model.ComputeType);
        while (state.Step < numSteps)
        {
            cancellation.ThrowIfCancellationRequested();
            long started = Stopwatch.GetTimestamp();
            var (loss, gradNorm, numTokens, flops) = Step(optimizer, state.Step);
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            double rate = options.LearningRate.At(state.Step);
            state = state with { Step = state.Step + 1, NumTokens = state.NumTokens + numTokens };
            average?.Update(state.Step);

            bool isLast = state.Step == numSteps;
            double? validationLoss = validation is not null && (isLast || state.Step % options.ValidationInterval == 0) ? Validate(average) : null;
            if (validationLoss is { } held && !double.IsFinite(held))
                throw new TrainingDivergedException(state.Step - 1, held, gradNorm);
            var metrics = new TrainingMetrics(state.Step, loss, gradNorm, rate, numTokens / seconds, state.NumTokens, validationLoss, flops / seconds / peak);
            log.Write(metrics);
            yield return new TrainingProgress(metrics, Checkpoint: null);
            if (isLast || state.Step % options.CheckpointInterval == 0 || wantsCheckpoint?.Invoke() == true)
            {
                checkpoints.Save(subject, state);
                TrainingCurves.Draw(folder);
                yield return new TrainingProgress(metrics, CheckpointFolder(folder, state.Step));
            }
        }
        average?.Swap();
        model.eval();
    }

    /// <summary>The bound on held-out text, with the same rows and the same noise each time and for every batch size, so that estimates compare.</summary>
    /// <returns>Nats per token.</returns>
    public double Validate()
    {
        var (batch, tokenWeights) = Noise((validation ?? throw new InvalidOperationException("There is no held-out text")).Batch(step: 0, ValidationRows), new CounterRandom(0), step: 0, isStratified: true, NoiseLevels.All);
        return Pieces(batch, tokenWeights).Sum(piece => DiffusionLoss.Evaluate(weights.Model, piece.Batch, piece.Weights));
    }

    private double Validate(EmaWeights? average)
    {
        average?.Swap();
        double loss = Validate();
        average?.Swap();
        return loss;
    }

    private (double Loss, double GradNorm, long NumTokens, double Flops) Step(AdamW optimizer, int step)
    {
        using var scope = NewDisposeScope();
        var (batch, tokenWeights) = Noise(CutSometimes(training.Batch(step, options.BatchSize), step), _random, (uint)step, options.StratifiesTimes, options.NoiseLevels);
        optimizer.ClearGradients();
        var total = zeros(1, device: weights.Model.Device);
        foreach (var (piece, pieceWeights) in Pieces(batch, tokenWeights))
            total.add_(DiffusionLoss.Backward(weights.Model, piece, pieceWeights, options.ActivationCheckpointing), StaticScalars.One);

        // The step's one synchronisation with the device.
        float[] read = [.. cat([total, optimizer.DeviceGradientNorm()]).cpu().data<float>()];
        var (loss, gradNorm) = ((double)read[0], (double)read[1]);
        if (!double.IsFinite(loss) || !double.IsFinite(gradNorm))
            throw new TrainingDivergedException(step, loss, gradNorm);
        optimizer.Update(options.LearningRate.At(step), Math.Min(1, options.MaxGradNorm / (gradNorm + 1e-6)));
        return (loss, gradNorm, batch.Tokens.Length, MatmulThroughput.FlopsOf(weights.Model.Config, batch));
    }

    private (NoisedBatch Batch, float[] Weights) Noise(TrainingBatch batch, CounterRandom random, uint step, bool isStratified, NoiseLevels levels)
    {
        if (weights.Model.Config.IsCausal)
            return NextTokens.Of(batch, options.Reduction);
        var noised = ForwardProcess.Noise(batch.Rows, weights.Model.Config.MaskTokenId, random, step, isStratified, levels: levels).Restore(batch);
        return (noised, LossWeights.Of(batch.PromptLengths, noised, options.Reduction));
    }

    /// <summary>The forward passes of a batch.</summary>
    private IEnumerable<(NoisedBatch Batch, float[] Weights)> Pieces(NoisedBatch batch, float[] tokenWeights)
    {
        int size = options.MicroBatchSize ?? options.BatchSize, used = 0;
        for (int first = 0; first < batch.BatchSize; first += size)
        {
            var piece = batch.Slice(first, Math.Min(size, batch.BatchSize - first));
            yield return (piece, tokenWeights[used..(used + piece.Masked.Count)]);
            used += piece.Masked.Count;
        }
    }

    private TrainingBatch CutSometimes(TrainingBatch batch, int step)
    {
        if (_random.Uniform((uint)step, 0, RandomStream.RandomCut) >= options.RandomLengthRatio)
            return batch;
        return batch.Cut(1 + (int)_random.Below((ulong)batch.Length, (uint)step, 0, RandomStream.RandomLength));
    }
}
