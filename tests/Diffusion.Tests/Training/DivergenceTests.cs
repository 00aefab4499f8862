using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

/// <summary>Runs whose loss or weights are no numbers any more.</summary>
public sealed class DivergenceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Weights_whose_held_out_loss_is_not_finite_have_diverged()
    {
        using var model = TinyModel.Random();
        var options = TinyTraining.Options with { LearningRate = new LearningRateSchedule(1e25, 1e25, 0, 0, 2), ValidationInterval = 1 };

        var exception = Assert.Throws<TrainingDivergedException>(() => TinyTraining.Run(model, _folder.Path, options));

        Assert.Contains("diverged at step 0: the loss is NaN", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Diverged_run_stops_before_it_changes_a_weight_and_keeps_its_checkpoint()
    {
        using var model = TinyModel.Random();
        int last = 0;

        var exception = Assert.Throws<TrainingDivergedException>(() => TinyTraining.Run(model, _folder.Path, onStep: metrics =>
        {
            last = metrics.Step;
            if (metrics.Step == 4)
                Poison(model);
        }));

        Assert.Equal(4, last);
        Assert.Contains("diverged at step 4", exception.Message, StringComparison.Ordinal);
        Assert.All(model.Parameter("blocks.0.q_proj.weight").data<float>().ToArray(), weight => Assert.True(float.IsFinite(weight)));
        using var healthy = TinyModel.Random();
        Assert.Equal(4, TinyTraining.Run(healthy, _folder.Path)[0].Step);
    }

    private static void Poison(MaskPredictor model)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        model.Parameter("ln_f.weight").fill_(float.NaN);
    }
}
