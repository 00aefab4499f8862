using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class TrainingCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<TrainingOptions> Runs =>
    [
        TinyTraining.Options,
        TinyTraining.Options with { EmaDecay = 0.9, ValidationInterval = 2 },
        TinyTraining.Options with { MicroBatchSize = 3, ActivationCheckpointing = true, RandomLengthRatio = 0.5 },
        TinyTraining.Options with { Optimizer = OptimizerKind.Muon },
    ];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Resumed_run_equals_an_uninterrupted_one_to_the_bit(TrainingOptions options)
    {
        using var scope = NewDisposeScope();
        using var uninterrupted = TinyModel.Random(seed: 1);
        var expected = TinyTraining.Run(uninterrupted, _folder.File("whole"), options);

        using (var killed = TinyModel.Random(seed: 1))
            TinyTraining.RunUntil(5, killed, _folder.File("parts"), options);
        using var resumed = TinyModel.Random(seed: 2);
        var log = TinyTraining.Run(resumed, _folder.File("parts"), options);

        // Killed after step 5, it goes on from the checkpoint of step 3.
        Assert.Equal(Enumerable.Range(4, 7), log.Select(metrics => metrics.Step));
        Assert.Equal(
            expected.Skip(3).Select(metrics => (metrics.Loss, metrics.GradNorm, metrics.LearningRate)),
            log.Select(metrics => (metrics.Loss, metrics.GradNorm, metrics.LearningRate)));
        Assert.Equal(
            expected.Skip(3).Select(metrics => (metrics.ValidationLoss, metrics.NumTokens)),
            log.Select(metrics => (metrics.ValidationLoss, metrics.NumTokens)));
        Assert.Equal(
            MetricsLog.Read(_folder.File("whole")).Select(metrics => metrics.Loss),
            MetricsLog.Read(_folder.File("parts")).Select(metrics => metrics.Loss));
        foreach (var (name, parameter) in uninterrupted.named_parameters())
            TensorAssert.Equal(parameter, resumed.Parameter(name));
    }

    [Fact]
    public void Finished_run_has_nothing_left_to_do()
    {
        using var model = TinyModel.Random();
        TinyTraining.Run(model, _folder.Path);

        Assert.Empty(TinyTraining.Run(model, _folder.Path));
    }

    [Fact]
    public void Checkpoint_is_a_model_like_any_other()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        TinyTraining.Run(model, _folder.Path);

        using var loaded = Checkpoint.Load(_folder.File("checkpoints/step-00000010"));

        foreach (var (name, parameter) in model.named_parameters())
            TensorAssert.Equal(parameter, loaded.Parameter(name));
    }

    [Fact]
    public void Saved_weights_have_exactly_the_references_names_shapes_and_types()
    {
        using var model = TinyModel.Random(TinyModel.Config with { HasQkvBias = false });
        TinyTraining.Run(model, _folder.Path);

        using var file = new SafetensorsFile(_folder.File("checkpoints/step-00000010/model.safetensors"));

        var config = model.Config;
        Dictionary<string, long[]> expected = new()
        {
            ["model.transformer.wte.weight"] = [config.EmbeddingSize, 32],
            ["model.transformer.ln_f.weight"] = [32],
            ["model.transformer.ff_out.weight"] = [config.EmbeddingSize, 32],
        };
        for (int layer = 0; layer < config.NumLayers; layer++)
        {
            foreach (var (part, shape) in new (string, long[])[]
                {
                    ("attn_norm", [32]), ("q_proj", [32, 32]), ("k_proj", [16, 32]), ("v_proj", [16, 32]), ("attn_out", [32, 32]),
                    ("ff_norm", [32]),
                    ("ff_proj", [48, 32]), ("up_proj", [48, 32]), ("ff_out", [32, 48]),
                })
                expected.Add($"model.transformer.blocks.{layer}.{part}.weight", shape);
        }
        Assert.Equal(3 + (9 * config.NumLayers), file.Tensors.Count);
        Assert.Equal(
            expected.OrderBy(entry => entry.Key),
            file.Tensors.ToDictionary(entry => entry.Key, entry => entry.Value.Shape).OrderBy(entry => entry.Key));
        Assert.All(file.Tensors.Values, entry => Assert.Equal(ScalarType.Float32, entry.Type));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Latest_checkpoints_are_kept(int count)
    {
        using var model = TinyModel.Random();

        TinyTraining.Run(model, _folder.Path, TinyTraining.Options with { NumCheckpoints = count });

        Assert.Equal(new[] { "step-00000003", "step-00000006", "step-00000009", "step-00000010" }.TakeLast(count), Checkpoints());
    }

    [Fact]
    public void Learning_rate_may_change_from_one_run_to_the_next()
    {
        using var model = TinyModel.Random();
        TinyTraining.RunUntil(4, model, _folder.Path);

        var log = TinyTraining.Run(
            model, _folder.Path, TinyTraining.Options with { LearningRate = new LearningRateSchedule(1e-4, 1e-5, 0, 1, 6) });

        Assert.Equal([(4, 1e-4), (5, 1e-4), (6, 1e-5)], log.Select(metrics => (metrics.Step, Math.Round(metrics.LearningRate, 9))));
    }

    [Fact]
    public void Another_optimizer_does_not_resume_a_run()
    {
        using var model = TinyModel.Random();
        TinyTraining.RunUntil(4, model, _folder.Path);

        var error = Assert.Throws<CheckpointException>(
            () => TinyTraining.Run(model, _folder.Path, TinyTraining.Options with { Optimizer = OptimizerKind.Muon }));

        Assert.Contains("updates by Muon", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoint_that_does_not_tell_its_objective_is_trusted()
    {
        using var model = TinyModel.Random();
        TinyTraining.RunUntil(4, model, _folder.Path);
        string folder = _folder.File("checkpoints/step-00000003"), state = Path.Combine(folder, "state.json");
        var json = JsonNode.Parse(File.ReadAllText(state))!.AsObject();
        Assert.True(json.Remove("Objective"));
        File.WriteAllText(state, json.ToJsonString());
        Manifest.Write(folder);

        Assert.Equal(4, TinyTraining.Run(model, _folder.Path)[0].Step);
    }

    private IEnumerable<string?> Checkpoints() => Directory.GetDirectories(_folder.File("checkpoints")).Select(Path.GetFileName).Order();
}
