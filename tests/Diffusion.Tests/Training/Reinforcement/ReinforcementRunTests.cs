using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using LLaDA.Diffusion.Training.Reinforcement;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training.Reinforcement;

/// <summary>Whole runs through the trainer.</summary>
public sealed class ReinforcementRunTests : IDisposable
{
    private static readonly TrainingOptions s_options = TinyPrompts.Options() with { MicroBatchSize = 4 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_run_learns_what_is_rewarded_and_tells_how(bool isLora)
    {
        var options = TinyPrompts.Options(new ReinforcementOptions { GroupSize = 8, MaxAnswerTokens = 5 }) with
        {
            LearningRate = LearningRateSchedule.Cosine(2e-2, 0, 3, 40), CheckpointInterval = 100,
        };

        var (metrics, _) = Run(isLora, "run", options, stopAfter: null);

        double Reward(int step) => metrics[step].Measures!["reward"];
        Assert.Equal(40, metrics.Count);
        Assert.Equal((1.0, 0.0), (metrics[0].Measures!["ratio"], metrics[0].Measures!["kl"]));
        Assert.True(Reward(39) > Reward(0) + 1, $"{Reward(0)} {Reward(39)}");
        Assert.Contains(metrics, step => step.Measures!["kl"] > 0);
        Assert.Equal(metrics[^1].Measures!.Keys, MetricsLog.Read(_folder.File("run")).Last().Measures!.Keys);
        Assert.Contains("clip share", File.ReadAllText(_folder.File("run/curves.svg")), StringComparison.Ordinal);
    }

    /// <summary>Killed while it samples, judges, scores and updates, and between steps.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_run_that_is_killed_at_random_turns_ends_with_the_losses_answers_and_weights_of_an_undisturbed_one(bool isLora)
    {
        var random = new Random(20_262);
        List<string> answers = [], answersOfKilled = [], last = [];
        var (expected, weights) = Run(isLora, "whole", s_options, stopAfter: null, answers);
        for (int kills = 0; kills < 6; kills++)
            Run(isLora, "killed", s_options, stopAfter: random.Next(1, 80), answersOfKilled);

        var (_, found) = Run(isLora, "killed", s_options, stopAfter: null, last);

        Assert.Equal(weights, found);
        Assert.Equal(
            expected.Select(step => (step.Loss, step.Measures!["reward"], step.Measures["ratio"])),
            MetricsLog.Read(_folder.File("killed")).Select(step => (step.Loss, step.Measures!["reward"], step.Measures["ratio"])));
        Assert.Equal(answers[^last.Count..], last);
        Assert.Empty(answersOfKilled.Except(answers));
    }

    /// <summary>Asked for after every step, so after the first one of each round too.</summary>
    [Fact]
    public void A_checkpoint_that_is_due_within_a_round_is_written_at_its_end()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var reference = new FrozenModel(TinyModel.Random());
        var options = s_options with { CheckpointInterval = 100 };
        var method = new ReinforcementTraining(
            new FullWeights(model), reference, TinyPrompts.Unequal, null, TinyPrompts.NumEven, options);
        int asked = 0;

        var steps = new Trainer(new FullWeights(model), method, options, _folder.File("run")).Steps(() => asked++ == 0).ToList();

        Assert.Equal([2, 6], steps.Where(step => step.Checkpoint is not null).Select(step => step.Metrics.Step));
    }

    [Fact]
    public void Another_optimizer_is_another_objective()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var reference = new FrozenModel(TinyModel.Random());
        string Objective(OptimizerKind optimizer) => new ReinforcementTraining(
            new FullWeights(model), reference, TinyPrompts.Unequal, null, TinyPrompts.NumEven,
            s_options with { Optimizer = optimizer }).Objective;

        Assert.Equal(Objective(OptimizerKind.AdamW) + ", updates by Muon", Objective(OptimizerKind.Muon));
    }

    [Fact]
    public void A_run_has_whole_rounds_and_resumes_with_the_same_answers_alone()
    {
        var odd = s_options with { LearningRate = new LearningRateSchedule(3e-3, 3e-4, 2, 3, 7) };
        Assert.Contains(
            "7 steps are not whole rounds of 2", Assert.Throws<ArgumentException>(() => Run(true, "odd", odd, null)).Message,
            StringComparison.Ordinal);
        Run(isLora: true, "run", s_options, stopAfter: 90);

        var exception = Assert.Throws<CheckpointException>(() => Run(
            true, "run", s_options with { Reinforcement = s_options.Reinforcement! with { Temperature = 0.5 } }, stopAfter: null));

        Assert.Contains("temperature 1", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_options_are_told_before_a_step_is_made()
    {
        var wrong = new ReinforcementOptions
        {
            GroupSize = 1, NumIterations = 0, NumSamples = 65, ClipRange = 1, Beta = -1, MaxAnswerTokens = 0, Temperature = 0,
        };

        string[] errors = [.. (s_options with { Reinforcement = wrong }).Validate()];

        string[] faults =
        [
            "the group size is 1", "the number of iterations is 0", "the number of samples is 65", "the clip range is 1", "beta is -1",
            "an answer may have 0 tokens", "the temperature is 0",
        ];
        Assert.Equal(faults.Length, errors.Length);
        Assert.All(faults.Zip(errors), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }

    /// <param name="stopAfter">Turns after which the process is as if killed; null runs to the end.</param>
    /// <param name="answers">Gets what is judged.</param>
    /// <returns>The steps of this run, and the weights at its end.</returns>
    private (List<TrainingMetrics> Metrics, float[] Weights) Run(
        bool isLora, string folder, TrainingOptions options, int? stopAfter, List<string>? answers = null)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var lora = isLora ? new LoraWeights(model, new LoraOptions { Rank = 2 }) : null;
        using IReferenceModel reference = lora is null ? new FrozenModel(TinyModel.Random()) : new LoraReference(lora);
        ITrainedWeights weights = lora is null ? new FullWeights(model) : lora;
        var method = new ReinforcementTraining(
            weights, reference, TinyPrompts.Unequal, TinyPrompts.Unequal,
            (line, answer) =>
            {
                answers?.Add($"{line.Number}: {string.Join(' ', answer)}");
                return TinyPrompts.NumEven(line, answer);
            },
            options);
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
