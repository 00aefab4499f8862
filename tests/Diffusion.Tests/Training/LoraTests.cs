using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class LoraTests : IDisposable
{
    private static readonly LoraOptions s_options = new() { Rank = 4, Alpha = 8 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<ScalarType, ScalarType> Types =>
        new MatrixTheoryData<ScalarType, ScalarType>([ScalarType.Float32, ScalarType.BFloat16], [ScalarType.Float32, ScalarType.BFloat16]);

    [Theory]
    [MemberData(nameof(Types))]
    public void New_adapter_predicts_as_the_base_to_the_bit(ScalarType weightType, ScalarType computeType)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(weightType: weightType, computeType: computeType);
        var expected = Logits(model);

        using var lora = new LoraWeights(model, s_options with
        {
            Targets = [.. new[] { "blocks.*.q_proj", "blocks.*.k_proj", "blocks.*.v_proj", "blocks.*.attn_out", "blocks.*.ff_proj",
                "blocks.*.up_proj", "blocks.*.ff_out", "ff_out" }.Select(part => $"model.transformer.{part}")],
        });

        TensorAssert.Equal(expected, Logits(model));
        Assert.All(lora.Parameters, entry => Assert.Equal(ScalarType.Float32, entry.Parameter.dtype));
        Assert.Equal(2 * ((7 * model.Config.NumLayers) + 1), lora.Parameters.Count);
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1e-4)]
    [InlineData(ScalarType.BFloat16, 0.15)]
    public void Merged_adapter_predicts_as_the_unmerged_one_and_is_taken_out_again_to_the_bit(ScalarType weightType, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(weightType: weightType);
        var before = model.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter.detach().clone());
        var plain = Logits(model);
        using var lora = new LoraWeights(model, s_options);
        Change(lora);
        var unmerged = Logits(model);

        lora.Merge();
        lora.Merge();
        var merged = Logits(model);
        lora.Unmerge();
        lora.Unmerge();

        Assert.True(TensorAssert.LargestDifference(plain, unmerged) > 4 * tolerance);
        TensorAssert.Close(unmerged, merged, tolerance);
        TensorAssert.Equal(unmerged, Logits(model));
        foreach (var (name, parameter) in model.named_parameters())
            TensorAssert.Equal(before[name], parameter);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Training_changes_the_adapters_alone(ScalarType weightType, ScalarType computeType)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(weightType: weightType, computeType: computeType);
        var before = model.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter.detach().clone());
        using var lora = new LoraWeights(model, s_options);

        var log = Run(lora, "run", TinyTraining.Options with
        {
            LearningRate = new LearningRateSchedule(2e-2, 2e-3, 2, 10, 60),
            StratifiesTimes = true,
            CheckpointInterval = 60,
        });

        Assert.InRange(log.TakeLast(10).Average(metrics => metrics.Loss), 0, 0.6 * log.Take(5).Average(metrics => metrics.Loss));
        foreach (var (name, parameter) in model.named_parameters())
        {
            TensorAssert.Equal(before[name], parameter);
            Assert.Null(parameter.grad);
        }
    }

    [Fact]
    public void Gradients_of_adapters_are_those_of_the_weights_that_they_make()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var merged = TinyModel.Random();
        using var lora = new LoraWeights(model, s_options);
        Change(lora);
        using (var other = new LoraWeights(merged, s_options))
        {
            Change(other);
            other.Merge();
        }
        var batch = ForwardProcess.Noise(
            [.. Enumerable.Range(0, 4).Select(row => Enumerable.Range(row, 12).ToArray())], TinyModel.Mask, new CounterRandom(2), 0);

        DiffusionLoss.Pretraining(model, batch).backward();
        DiffusionLoss.Pretraining(merged, batch).backward();

        // W' = W + s B A, so dB = s dW' A^T and dA = s B^T dW'.
        foreach (string path in new[] { "blocks.0.q_proj", "blocks.1.v_proj", "blocks.1.ff_out" })
        {
            var gradient = merged.Parameter($"{path}.weight").grad!;
            var (a, b) = (Parameter(lora, $"{path}.lora_A"), Parameter(lora, $"{path}.lora_B"));
            TensorAssert.Close(gradient.matmul(a.t()) * 2, b.grad!, 1e-4);
            TensorAssert.Close(b.t().matmul(gradient) * 2, a.grad!, 1e-4);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, false)]
    [InlineData(ScalarType.BFloat16, true)]
    public void Killed_and_resumed_run_equals_an_uninterrupted_one_to_the_bit(ScalarType weightType, bool recomputes)
    {
        using var scope = NewDisposeScope();
        var options = TinyTraining.Options with { EmaDecay = 0.9, ActivationCheckpointing = recomputes, MicroBatchSize = 2 };
        using var model = TinyModel.Random(weightType: weightType);
        using var other = TinyModel.Random(weightType: weightType);
        using var uninterrupted = new LoraWeights(model, s_options);
        var expected = Run(uninterrupted, "whole", options);

        using (var killed = new LoraWeights(other, s_options))
        using (var cancellation = new CancellationTokenSource())
            Assert.Throws<OperationCanceledException>(
                () => Run(killed, "parts", options, metrics => Cancel(metrics, cancellation), cancellation.Token));
        using var resumed = new LoraWeights(other, s_options with { Seed = 9 });
        var log = Run(resumed, "parts", options);

        Assert.Equal(
            expected.Skip(3).Select(metrics => (metrics.Step, metrics.Loss, metrics.GradNorm, metrics.ValidationLoss)),
            log.Select(metrics => (metrics.Step, metrics.Loss, metrics.GradNorm, metrics.ValidationLoss)));
        foreach (var (one, two) in uninterrupted.Parameters.Zip(resumed.Parameters))
            TensorAssert.Equal(one.Parameter, two.Parameter);
    }

    [Fact]
    public void Recomputed_blocks_give_the_adapters_the_same_gradients_to_the_bit()
    {
        using var scope = NewDisposeScope();
        using var kept = TinyModel.Random();
        using var recomputed = TinyModel.Random();
        using var first = new LoraWeights(kept, s_options);
        using var second = new LoraWeights(recomputed, s_options);
        Change(first);
        Change(second);
        var batch = ForwardProcess.Noise(
            [.. Enumerable.Range(0, 4).Select(row => Enumerable.Range(row, 12).ToArray())], TinyModel.Mask, new CounterRandom(2), 0);
        batch = batch.Weigh(new int[batch.BatchSize], LossReduction.Answer);

        DiffusionLoss.Backward(kept, batch);
        DiffusionLoss.Backward(recomputed, batch, recomputes: true);

        foreach (var (one, two) in first.Parameters.Zip(second.Parameters))
            TensorAssert.Equal(one.Parameter.grad!, two.Parameter.grad!);
    }

    [Fact]
    public void Targets_are_full_paths_and_the_head_is_not_taken_for_a_part_of_a_block()
    {
        IReadOnlyList<string> Chosen(params string[] targets) => (s_options with { Targets = targets }).Projections(TinyModel.Config);

        Assert.Equal(["blocks.0.ff_out", "blocks.1.ff_out"], Chosen("model.transformer.blocks.*.ff_out"));
        Assert.Equal(["ff_out"], Chosen("model.transformer.ff_out"));
        Assert.Equal(["blocks.1.q_proj"], Chosen("model.transformer.blocks.1.q_proj", "model.transformer.blocks.1.q_proj"));
        string[] wrong =
        [
            "ff_out", "*.ff_out", "model.transformer.blocks.2.q_proj", "model.transformer.wte", "model.transformer.blocks.0.attn_norm",
            "model.transformer.blocks.*.att_proj",
        ];
        foreach (string target in wrong)
            Assert.Contains(
                $"{target} is not the full path", Assert.Throws<ArgumentException>(() => Chosen(target)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_options_are_all_told()
    {
        using var model = TinyModel.Random();

        var exception = Assert.Throws<ArgumentException>(
            () => new LoraWeights(model, new LoraOptions { Rank = 0, Alpha = double.NaN, Targets = [] }));

        foreach (string fault in new[] { "rank is 0", "alpha is NaN", "needs a target" })
            Assert.Contains(fault, exception.Message, StringComparison.Ordinal);
        Assert.All(model.parameters(), parameter => Assert.True(parameter.requires_grad));
    }

    [Theory]
    [InlineData(-1, 1, "rank is -1; it must be at least 1")]
    [InlineData(1, 0, "alpha is 0; it must be positive")]
    [InlineData(1, -2, "alpha is -2; it must be positive")]
    [InlineData(1, double.PositiveInfinity, "it must be positive")]
    public void Rank_below_one_and_alpha_that_is_not_positive_and_finite_are_refused(int rank, double alpha, string fault)
    {
        var options = new LoraOptions { Rank = rank, Alpha = alpha };

        string message = Assert.Throws<ArgumentException>(() => options.Projections(TinyModel.Config)).Message;

        Assert.Contains(fault, message, StringComparison.Ordinal);
        Assert.DoesNotContain("target", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Smallest_rank_and_alpha_are_taken() =>
        Assert.NotEmpty(new LoraOptions { Rank = 1, Alpha = double.Epsilon }.Projections(TinyModel.Config));

    [Fact]
    public void Adapters_taken_off_leave_the_model_as_it_was_and_no_tensor_behind()
    {
        using var model = TinyModel.Random();
        using (var warmup = new LoraWeights(model, s_options))
            Change(warmup);
        long before = LiveTensors.Count;

        var lora = new LoraWeights(model, s_options);
        Assert.Throws<InvalidOperationException>(() => new LoraWeights(model, s_options));
        lora.Merge();
        lora.Unmerge();
        lora.Dispose();

        Assert.Equal(before, LiveTensors.Count);
        Assert.All(model.parameters(), parameter => Assert.True(parameter.requires_grad));
        new LoraWeights(model, s_options).Dispose();
    }

    private List<TrainingMetrics> Run(
        LoraWeights weights, string folder, TrainingOptions options, Action<TrainingMetrics>? onStep = null,
        CancellationToken cancellation = default)
    {
        List<TrainingMetrics> log = [];
        new Trainer(weights, TinyTraining.Text, TinyTraining.Text, options, _folder.File(folder)).Run(metrics =>
        {
            log.Add(metrics);
            onStep?.Invoke(metrics);
        }, cancellation);
        return log;
    }

    private static void Cancel(TrainingMetrics metrics, CancellationTokenSource cancellation)
    {
        if (metrics.Step == 5)
            cancellation.Cancel();
    }

    /// <summary>Gives B values, so that the adapters change something.</summary>
    private static void Change(LoraWeights lora)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var random = new Generator(3);
        foreach (var (_, parameter) in lora.Parameters.Where(entry => entry.Name.EndsWith("lora_B", StringComparison.Ordinal)))
            parameter.copy_(rand(parameter.shape, generator: random) - 0.5);
    }

    private static TorchSharp.Modules.Parameter Parameter(LoraWeights lora, string name) =>
        lora.Parameters.Single(entry => entry.Name == name).Parameter;

    private static Tensor Logits(MaskPredictor model)
    {
        using var noGradient = no_grad();
        return model.call(TinyModel.Canvas(1, TinyModel.Mask, 5, 7, TinyModel.Mask, 30));
    }
}
