using System.Diagnostics;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>One line of a run's log.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">The pretraining loss of the step, in nats per token.</param>
/// <param name="GradNorm">Before clipping.</param>
/// <param name="ValidationLoss">The bound on held-out text, in nats per token, where it was estimated after this step.</param>
public sealed record TrainingMetrics(int Step, double Loss, double GradNorm, double LearningRate, double TokensPerSecond, double? ValidationLoss);

/// <summary>Pretrains a mask predictor (LLaDA, Algorithm 1).</summary>
/// <param name="model">With float32 weights, on the device to train on.</param>
/// <param name="folder">Holds the checkpoint; a run that finds one goes on from it.</param>
public sealed class Trainer(MaskPredictor model, TokenSequences training, TokenSequences validation, PretrainingOptions options, string folder)
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
            double? validationLoss = isLast || done % options.ValidationInterval == 0 ? Validate() : null;
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
        using var noGradient = no_grad();
        var noise = new CounterRandom(0);
        int[][] rows = validation.Batch(step: 0, ValidationRows);
        double sum = 0;
        for (int first = 0; first < ValidationRows; first += options.BatchSize)
        {
            using var scope = NewDisposeScope();
            int[][] x0 = rows[first..Math.Min(first + options.BatchSize, ValidationRows)];
            var batch = ForwardProcess.Noise(x0, model.Config.MaskTokenId, noise, step: 0, isStratified: true, first, ValidationRows);
            sum += DiffusionLoss.Pretraining(model, batch).item<float>() * x0.Length;
        }
        return sum / ValidationRows;
    }

    private (double Loss, double GradNorm, long NumTokens) Step(TorchSharp.Modules.AdamW optimizer, int step)
    {
        using var scope = NewDisposeScope();
        var x0 = CutSometimes(training.Batch(step, options.BatchSize), step);
        var batch = ForwardProcess.Noise(x0, model.Config.MaskTokenId, _random, (uint)step, options.StratifiesTimes);
        foreach (var group in optimizer.ParamGroups)
            group.LearningRate = options.LearningRate.At(step);

        optimizer.zero_grad();
        var loss = DiffusionLoss.Pretraining(model, batch);
        loss.backward();
        double gradNorm = nn.utils.clip_grad_norm_(model.parameters(), options.MaxGradNorm);    // synchronises with the device
        double lossValue = loss.item<float>();
        if (!double.IsFinite(lossValue) || !double.IsFinite(gradNorm))
            throw new TrainingDivergedException(step, lossValue, gradNorm);
        optimizer.step();
        return (lossValue, gradNorm, batch.Tokens.Length);
    }

    private int[][] CutSometimes(int[][] x0, int step)
    {
        if (_random.Uniform((uint)step, 0, CropPurpose) >= options.RandomLengthRatio)
            return x0;
        int length = 1 + (int)_random.Below((ulong)options.SequenceLength, (uint)step, 0, LengthPurpose);
        return [.. x0.Select(row => row[..length])];
    }
}
