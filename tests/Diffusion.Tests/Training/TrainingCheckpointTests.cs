using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class TrainingCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Resumed_run_equals_an_uninterrupted_one_to_the_bit()
    {
        using var scope = NewDisposeScope();
        using var uninterrupted = TinyModel.Random(seed: 1);
        var expected = TrainingRun.Run(uninterrupted, _folder.File("whole"));

        using (var killed = TinyModel.Random(seed: 1))
            RunUntil(5, killed, _folder.File("parts"));
        using var resumed = TinyModel.Random(seed: 2);
        var log = TrainingRun.Run(resumed, _folder.File("parts"));

        // Killed after step 5, it goes on from the checkpoint of step 3.
        Assert.Equal(Enumerable.Range(4, 7), log.Select(metrics => metrics.Step));
        Assert.Equal(expected.Skip(3).Select(metrics => (metrics.Loss, metrics.GradNorm, metrics.LearningRate)), log.Select(metrics => (metrics.Loss, metrics.GradNorm, metrics.LearningRate)));
        Assert.Equal(expected[^1].ValidationLoss, log[^1].ValidationLoss);
        foreach (var (name, parameter) in uninterrupted.named_parameters())
            TensorAssert.Equal(parameter, resumed.Parameter(name));
    }

    [Fact]
    public void Finished_run_has_nothing_left_to_do()
    {
        using var model = TinyModel.Random();
        TrainingRun.Run(model, _folder.Path);

        Assert.Empty(TrainingRun.Run(model, _folder.Path));
    }

    [Fact]
    public void Checkpoint_is_a_model_like_any_other()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        TrainingRun.Run(model, _folder.Path);

        using var loaded = Checkpoint.Load(_folder.File("checkpoint"));

        foreach (var (name, parameter) in model.named_parameters())
            TensorAssert.Equal(parameter, loaded.Parameter(name));
        Assert.Equal(["checkpoint"], Directory.GetDirectories(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Run_killed_between_the_two_renames_goes_on_from_the_checkpoint_before()
    {
        using var model = TinyModel.Random();
        RunUntil(5, model, _folder.Path);
        Directory.Move(_folder.File("checkpoint"), _folder.File("checkpoint.previous"));
        Directory.CreateDirectory(_folder.File("checkpoint.partial"));
        File.WriteAllText(_folder.File("checkpoint.partial/state.json"), "half of a fi");

        var log = TrainingRun.Run(model, _folder.Path);

        Assert.Equal(4, log[0].Step);
        Assert.Equal(["checkpoint"], Directory.GetDirectories(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Diverged_run_stops_before_it_changes_a_weight_and_keeps_its_checkpoint()
    {
        using var model = TinyModel.Random();
        int last = 0;

        var exception = Assert.Throws<TrainingDivergedException>(() => TrainingRun.Run(model, _folder.Path, onStep: metrics =>
        {
            last = metrics.Step;
            if (metrics.Step == 4)
                Poison(model);
        }));

        Assert.Equal(4, last);
        Assert.Contains("diverged at step 4", exception.Message, StringComparison.Ordinal);
        Assert.All(model.Parameter("blocks.0.q_proj.weight").data<float>().ToArray(), weight => Assert.True(float.IsFinite(weight)));
        using var healthy = TinyModel.Random();
        Assert.Equal(4, TrainingRun.Run(healthy, _folder.Path)[0].Step);
    }

    [Fact]
    public void Checkpoint_of_another_network_is_refused_by_name()
    {
        using (var model = TinyModel.Random())
            TrainingRun.Run(model, _folder.Path);
        using var other = TinyModel.Random(TinyModel.Config with { FeedForwardWidth = 64 });

        var exception = Assert.Throws<CheckpointException>(() => TrainingRun.Run(other, _folder.Path));

        Assert.Contains("blocks.0.ff_proj.weight Float32 [48, 32] should have shape [64, 32]", exception.Message, StringComparison.Ordinal);
    }

    private static void RunUntil(int step, MaskPredictor model, string folder)
    {
        using var cancellation = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => TrainingRun.Run(model, folder, onStep: metrics =>
        {
            if (metrics.Step == step)
                cancellation.Cancel();
        }, cancellation: cancellation.Token));
    }

    private static void Poison(MaskPredictor model)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        model.Parameter("ln_f.weight").fill_(float.NaN);
    }
}
