using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Tests.Training;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Families;

/// <summary>Whole trainings of every family.</summary>
public sealed class RunTests : IDisposable
{
    private static readonly TrainingOptions s_options = TinyTraining.Options with { MicroBatchSize = 2 };

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, bool> Runs => new MatrixTheoryData<string, bool>([.. FamilyModels.All.Keys], [false, true]);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Runs))]
    public void Run_that_is_interrupted_ends_with_the_same_losses_and_weights(string family, bool isLora)
    {
        var (losses, weights) = Run(family, isLora, _folder.File("whole"), stopAfter: null);
        Run(family, isLora, _folder.File("halves"), stopAfter: 7);

        var (rest, resumed) = Run(family, isLora, _folder.File("halves"), stopAfter: null);

        // The last checkpoint before the interruption was that of step 6.
        Assert.Equal(losses[6..], rest);
        Assert.Equal(weights, resumed);
    }

    [Theory]
    [MemberData(nameof(FamilyModels.Names), MemberType = typeof(FamilyModels))]
    public void Text_is_learnt(string family)
    {
        var options = s_options with { LearningRate = new LearningRateSchedule(1e-2, 1e-3, 5, 20, 80), CheckpointInterval = 1000 };
        using var model = TinyModel.Random(FamilyModels.All[family]);

        var log = TinyTraining.Run(model, _folder.Path, options);

        double bound = log[^1].ValidationLoss!.Value;
        Assert.InRange(bound, 0, 0.9);
    }

    [Fact]
    public void Balance_of_experts_is_trained_where_they_are()
    {
        double First(string folder, bool isLora, double balanceWeight, params string[]? targets)
        {
            var config = FamilyModels.All["LLaDA-MoE"];
            using var model = TinyModel.Random(config with { Experts = config.Experts! with { BalanceWeight = balanceWeight } });
            using var lora = isLora ? new LoraWeights(model, new LoraOptions { Rank = 2, Targets = targets }) : null;
            ITrainedWeights weights = lora is null ? new FullWeights(model) : lora;
            string objective = new Denoising(weights, TinyTraining.Text, null, s_options).Objective;
            Assert.Equal(balanceWeight > 0 && (!isLora || targets is not null), objective.Contains("balance", StringComparison.Ordinal));
            return new Trainer(weights, TinyTraining.Text, null, s_options, _folder.File(folder)).Steps().First().Metrics.Loss;
        }

        double plain = First("plain", isLora: false, 0);
        // The balance is at best the number of a token's choices, 2, and counts once however many passes a step takes.
        Assert.InRange(First("balanced", isLora: false, 0.5) - plain, 0.99, 1.9);
        Assert.Equal(plain, First("adapter", isLora: true, 0.5, targets: null));
        // Adapters of experts begin at nothing, so what they add to the loss is the balance.
        Assert.InRange(First("experts", isLora: true, 0.5, "model.layers.*.mlp.experts.*.up_proj") - plain, 0.99, 1.9);
    }

    private static (double[] Losses, double[] Weights) Run(string family, bool isLora, string folder, int? stopAfter)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(FamilyModels.All[family]);
        using var lora = isLora ? new LoraWeights(model, new LoraOptions { Rank = 2 }) : null;
        ITrainedWeights weights = lora is null ? new FullWeights(model) : lora;
        List<double> losses = [];
        foreach (var progress in new Trainer(weights, TinyTraining.Text, null, s_options, folder).Steps())
        {
            if (progress.Checkpoint is null)
                losses.Add(progress.Metrics.Loss);
            if (losses.Count == stopAfter)
                break;
        }
        return ([.. losses], [.. weights.Parameters.Select(entry => entry.Parameter.to(ScalarType.Float64).sum().item<double>())]);
    }
}
