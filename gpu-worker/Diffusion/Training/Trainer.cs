using System.Diagnostics;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>One line of a run's log.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">The loss of the step, in nats per token.</param>
/// <param name="GradNorm">Before clipping.</param>
/// <param name="ValidationLoss">The bound on held-out text, in nats per token, where it was estimated after this step.</param>
public sealed record TrainingMetrics(int Step, double Loss, double GradNorm, double LearningRate, double TokensPerSecond, double? ValidationLoss);

/// <summary>Trains a mask predictor: pretraining where every token is learnt (LLaDA, Algorithm 1), SFT where prompts are given (Algorithm 2). The data says which.</summary>
/// <param name="model">With float32 weights, on the device to train on.</param>
/// <param name="validation">Held out; null where there is none.</param>
/// <param name="folder">Holds the checkpoint; a run that finds one goes on from it.</param>
public sealed class Trainer(MaskPredictor model, ITrainingData training, ITrainingData? validation, TrainingOptions options, string folder)
{
    private const uint CropPurpose = 21, LengthPurpose = 22;
    private const int ValidationRows = 128;

    private readonly CounterRandom _random = new((ulong)options.Seed);

    /// <summary>Trains until the learning rate schedule ends.</summary>
    /// <param name="onStep">Called after each step.</param>
    /// <exception cref="TrainingDivergedException">The loss or the gradient is no longer finite; the last checkpoint stays.</exception>
    public void Run(Action<TrainingMetrics> onStep, CancellationToken cancellation = default)
    {
        if (options.Validate().ToList() is { Count: > 0 } errors)
            throw new ArgumentException(string.Join("; ", errors));

        model.train();
        using var optimizer = DecayGroups.Optimizer(model, options);
        int numSteps = options.LearningRate.NumSteps;
        for (int step = TrainingCheckpoint.Load(folder, model, optimizer); step < numSteps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            long started = Stopwatch.GetTimestamp();
            var (loss, gradNorm, numTokens) = Step(optimizer, step);
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;

            int done = step + 1;
            bool isLast = done == numSteps;
            double? validationLoss = validation is not null && (isLast || done % options.ValidationInterval == 0) ? Validate() : null;
            onStep(new TrainingMetrics(done, loss, gradNorm, options.LearningRate.At(step), numTokens / seconds, validationLoss));
            if (isLast || done % options.CheckpointInterval == 0)
                TrainingCheckpoint.Save(folder, model, optimizer, done);
        }
        model.eval();
    }

    /// <summary>The bound on held-out text, with the same rows and the same noise each time and for every batch size, so that estimates compare.</summary>
    /// <returns>Nats per token.</returns>
    public double Validate()
    {
        var (batch, weights) = Noise((validation ?? throw new InvalidOperationException("There is no held-out text")).Batch(step: 0, ValidationRows), new CounterRandom(0), step: 0, isStratified: true);
        return Pieces(batch, weights).Sum(piece => DiffusionLoss.Evaluate(model, piece.Batch, piece.Weights));
    }

    private (double Loss, double GradNorm, long NumTokens) Step(TorchSharp.Modules.AdamW optimizer, int step)
    {
        using var scope = NewDisposeScope();
        var (batch, weights) = Noise(CutSometimes(training.Batch(step, options.BatchSize), step), _random, (uint)step, options.StratifiesTimes);
        foreach (var group in optimizer.ParamGroups)
            group.LearningRate = options.LearningRate.At(step);

        optimizer.zero_grad();
        var loss = zeros(1, device: model.Device);
        foreach (var (piece, pieceWeights) in Pieces(batch, weights))
            loss.add_(DiffusionLoss.Backward(model, piece, pieceWeights, options.RecomputesActivations), LastingScalars.One);
        double gradNorm = nn.utils.clip_grad_norm_(model.parameters(), options.MaxGradNorm);    // synchronises with the device
        double lossValue = loss.item<float>();
        if (!double.IsFinite(lossValue) || !double.IsFinite(gradNorm))
            throw new TrainingDivergedException(step, lossValue, gradNorm);
        optimizer.step();
        return (lossValue, gradNorm, batch.Tokens.Length);
    }

    private (NoisedBatch Batch, float[] Weights) Noise(TrainingBatch batch, CounterRandom random, uint step, bool isStratified)
    {
        var noised = ForwardProcess.Noise(batch.Rows, model.Config.MaskTokenId, random, step, isStratified).Restore(batch);
        return (noised, LossWeights.Of(batch.PromptLengths, noised, options.Reduction));
    }

    /// <summary>The forward passes of a batch.</summary>
    private IEnumerable<(NoisedBatch Batch, float[] Weights)> Pieces(NoisedBatch batch, float[] weights)
    {
        int size = options.MicroBatchSize ?? options.BatchSize, used = 0;
        for (int first = 0; first < batch.BatchSize; first += size)
        {
            var piece = batch.Slice(first, Math.Min(size, batch.BatchSize - first));
            yield return (piece, weights[used..(used + piece.Masked.Count)]);
            used += piece.Masked.Count;
        }
    }

    private TrainingBatch CutSometimes(TrainingBatch batch, int step)
    {
        if (_random.Uniform((uint)step, 0, CropPurpose) >= options.RandomLengthRatio)
            return batch;
        return batch.Cut(1 + (int)_random.Below((ulong)batch.Length, (uint)step, 0, LengthPurpose));
    }
}
