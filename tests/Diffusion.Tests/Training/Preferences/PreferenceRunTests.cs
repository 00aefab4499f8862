using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using LLaDA.Diffusion.Training.Preferences;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training.Preferences;

/// <summary>Whole runs through the trainer.</summary>
public sealed class PreferenceRunTests : IDisposable
{
    private static readonly TrainingOptions s_options =
        TinyPairs.Options(new PreferenceOptions { NumSamples = 3 }) with { MicroBatchSize = 4 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_run_learns_to_prefer_and_tells_how(bool isLora)
    {
        var options = s_options with { LearningRate = LearningRateSchedule.Cosine(1e-2, 0, 3, 40), CheckpointInterval = 100 };

        var (metrics, _) = Run(isLora, "run", options, stopAfter: null);

        Assert.Equal(40, metrics.Count);
        Assert.Equal((0.0, 0.5), (metrics[0].Measures!["margin"], metrics[0].Measures!["accuracy"]));
        Assert.True(metrics[^1].Measures!["margin"] > 0.5);
        Assert.Equal(1, metrics[^1].Measures!["accuracy"]);
        Assert.True(metrics[^1].Measures!["preference_loss"] < 0.6);
        Assert.Equal(metrics[^1].Measures!.Keys, MetricsLog.Read(_folder.File("run")).Last().Measures!.Keys);
        Assert.Contains("chosen elbo", File.ReadAllText(_folder.File("run/curves.svg")), StringComparison.Ordinal);
    }

    /// <summary>Killed within steps and between them: 18 rows of a step are 5 passes to score and 5 for the gradient.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_run_that_is_killed_at_random_turns_ends_with_the_losses_and_weights_of_an_undisturbed_one(bool isLora)
    {
        var random = new Random(20_261);
        var (expected, weights) = Run(isLora, "whole", s_options, stopAfter: null);
        for (int kills = 0; kills < 6; kills++)
            Run(isLora, "killed", s_options, stopAfter: random.Next(1, 40));

        var (_, found) = Run(isLora, "killed", s_options, stopAfter: null);

        Assert.Equal(weights, found);
        Assert.Equal(
            expected.Select(step => (step.Loss, step.Measures!["margin"])),
            MetricsLog.Read(_folder.File("killed")).Select(step => (step.Loss, step.Measures!["margin"])));
    }

    [Fact]
    public void A_run_resumes_with_the_same_preferences_alone()
    {
        Run(isLora: true, "run", s_options, stopAfter: 40);

        var exception = Assert.Throws<CheckpointException>(() => Run(
            isLora: true, "run", s_options with { Preference = s_options.Preference! with { Beta = 0.3 } }, stopAfter: null));

        Assert.Contains("preferences by beta 0.2", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_options_are_told_before_a_step_is_made()
    {
        var wrong = new PreferenceOptions { Beta = 0, NumSamples = 65, SftWeight = -1 };

        string message = Assert.Throws<ArgumentException>(
            () => Run(isLora: true, "run", s_options with { Preference = wrong }, stopAfter: null)).Message;

        foreach (string fault in new[] { "beta is 0", "the number of samples is 65", "the weight of the SFT loss is -1" })
            Assert.Contains(fault, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_optimizer_does_not_resume_a_run()
    {
        Run(isLora: false, "run", s_options, stopAfter: null);

        var error = Assert.Throws<CheckpointException>(
            () => Run(isLora: false, "run", s_options with { Optimizer = OptimizerKind.Muon }, stopAfter: null));

        Assert.Contains("updates by Muon", error.Message, StringComparison.Ordinal);
    }

    /// <param name="stopAfter">Turns after which the process is as if killed; null runs to the end.</param>
    /// <returns>The steps of this run, and the weights at its end.</returns>
    private (List<TrainingMetrics> Metrics, float[] Weights) Run(bool isLora, string folder, TrainingOptions options, int? stopAfter)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var lora = isLora ? new LoraWeights(model, new LoraOptions { Rank = 2 }) : null;
        using IReferenceModel reference = lora is null ? new FrozenModel(TinyModel.Random()) : new LoraReference(lora);
        ITrainedWeights weights = lora is null ? new FullWeights(model) : lora;
        var method = new PreferenceTraining(weights, reference, TinyPairs.Unequal, TinyPairs.Unequal, options);
        List<TrainingMetrics> metrics = [];
        using var turns = new Trainer(weights, method, options, _folder.File(folder)).Turns().GetEnumerator();
        for (int turn = 0; turn != stopAfter && turns.MoveNext(); turn++)
        {
            if (turns.Current is { Checkpoint: null } progress)
                metrics.Add(progress.Metrics);
        }
        return (metrics, [.. weights.Parameters.SelectMany(entry => entry.Parameter.detach().cpu().data<float>().ToArray())]);
    }
}
