using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reporting;

namespace LLaDA.Diffusion.Tests.Training;

/// <summary>Runs of a tiny network on a text that repeats itself.</summary>
internal static class TinyTraining
{
    public const int SequenceLength = 16;

    public static TrainingOptions Options { get; } = new()
    {
        BatchSize = 4,
        LearningRate = new LearningRateSchedule(3e-3, 3e-4, 2, 3, 10),
        CheckpointInterval = 3,
        ValidationInterval = 100,
    };

    /// <summary>A text of six tokens over and over, which soon holds no surprise.</summary>
    public static TokenSequences Text { get; } = new([.. Enumerable.Range(0, 500).Select(index => index % 6)], SequenceLength, seed: 1);

    public static List<TrainingMetrics> Run(
        MaskPredictor model, string folder, TrainingOptions? options = null, Action<TrainingMetrics>? onStep = null,
        CancellationToken cancellation = default)
    {
        List<TrainingMetrics> log = [];
        new Trainer(new FullWeights(model), Text, Text, options ?? Options, folder).Run(metrics =>
        {
            log.Add(metrics);
            onStep?.Invoke(metrics);
        }, cancellation);
        return log;
    }

    /// <summary>A run that is killed after a step.</summary>
    public static void RunUntil(int step, MaskPredictor model, string folder, TrainingOptions? options = null)
    {
        using var cancellation = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Run(model, folder, options, metrics =>
        {
            if (metrics.Step == step)
                cancellation.Cancel();
        }, cancellation.Token));
    }
}
