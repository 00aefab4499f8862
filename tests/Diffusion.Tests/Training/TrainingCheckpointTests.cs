using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
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
    ];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Resumed_run_equals_an_uninterrupted_one_to_the_bit(TrainingOptions options)
    {
        using var scope = NewDisposeScope();
        using var uninterrupted = TinyModel.Random(seed: 1);
        var expected = TinyTraining.Run(uninterrupted, _folder.File("whole"), options);

        using (var killed = TinyModel.Random(seed: 1))
            RunUntil(5, killed, _folder.File("parts"), options);
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
    public void Run_killed_while_it_writes_a_checkpoint_goes_on_from_the_one_before_wherever_it_was_killed()
    {
        using (var model = TinyModel.Random())
            RunUntil(7, model, _folder.Path);
        string last = _folder.File("checkpoints/step-00000006");
        string[] written =
            [.. Directory.GetFiles(last).OrderBy(File.GetLastWriteTimeUtc).ThenBy(file => Path.GetFileName(file) == Manifest.FileName)];
        Assert.Equal(Manifest.FileName, Path.GetFileName(written[^1]));

        for (int numWritten = written.Length - 1; numWritten >= 0; numWritten--)
        {
            File.Delete(written[numWritten]);
            if (numWritten > 0)
                File.WriteAllText(written[numWritten - 1], "half of a fi");
            string copy = _folder.File($"killed-{numWritten}");
            CopyFolder(_folder.File("checkpoints"), Path.Combine(copy, "checkpoints"));
            using var model = TinyModel.Random();

            Assert.Equal(4, TinyTraining.Run(model, copy)[0].Step);
            Assert.Equal(2, Directory.GetDirectories(Path.Combine(copy, "checkpoints")).Length);
        }
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("optimizer.safetensors")]
    [InlineData("state.json")]
    [InlineData("config.json")]
    public void Damaged_or_missing_file_is_refused_by_name(string name)
    {
        using var model = TinyModel.Random();
        RunUntil(4, model, _folder.Path);
        string file = _folder.File($"checkpoints/step-00000003/{name}");
        byte[] bytes = File.ReadAllBytes(file);

        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(file, bytes);
        var damaged = Assert.Throws<CheckpointException>(() => TinyTraining.Run(model, _folder.Path));
        File.Delete(file);
        var missing = Assert.Throws<CheckpointException>(() => TinyTraining.Run(model, _folder.Path));

        Assert.StartsWith($"{file} is damaged", damaged.Message, StringComparison.Ordinal);
        Assert.StartsWith($"{file} is missing", missing.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{\"files\": null}")]
    [InlineData("{\"files\": {\"../../passwd\": {\"bytes\": 1, \"sha256\": \"\"}}}")]
    public void Damaged_manifest_is_refused_by_name(string text)
    {
        using var model = TinyModel.Random();
        RunUntil(4, model, _folder.Path);
        File.WriteAllText(_folder.File("checkpoints/step-00000003/manifest.json"), text);

        Assert.Contains(
            "manifest.json is not a list of files", Assert.Throws<CheckpointException>(() => TinyTraining.Run(model, _folder.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Optimizer_or_state_of_another_run_is_refused_by_name()
    {
        using var model = TinyModel.Random();
        RunUntil(4, model, _folder.Path);
        string folder = _folder.File("checkpoints/step-00000003");

        Assert.Contains(
            "state.json belongs to a run with seed 1, batches of 4", Refusal(TinyTraining.Options with { BatchSize = 2 }).Message,
            StringComparison.Ordinal);
        Assert.Contains("this one has seed 9", Refusal(TinyTraining.Options with { Seed = 9 }).Message, StringComparison.Ordinal);
        Assert.Contains(
            "this one has seed 1, batches of 4, data", Refusal(TinyTraining.Options with { EmaDecay = 0.9 }).Message,
            StringComparison.Ordinal);
        Assert.Contains("average 0.9", Refusal(TinyTraining.Options with { EmaDecay = 0.9 }).Message, StringComparison.Ordinal);
        Assert.Contains(
            "over t in [0, 0.5]", Refusal(TinyTraining.Options with { NoiseLevels = new NoiseLevels(0, 0.5) }).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "Token over t", Refusal(TinyTraining.Options with { Reduction = LossReduction.Token }).Message, StringComparison.Ordinal);

        using (var other = ones(3))
            SafetensorsWriter.Write(Path.Combine(folder, "optimizer.safetensors"), [("something", other)]);
        Manifest.Write(folder);
        Assert.Contains("optimizer.safetensors lacks wte.weight.exp_avg", Refusal(TinyTraining.Options).Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(folder, "state.json"), "half of a fi");
        Manifest.Write(folder);
        Assert.Contains("state.json has no readable training state", Refusal(TinyTraining.Options).Message, StringComparison.Ordinal);

        CheckpointException Refusal(TrainingOptions options) => Assert.Throws<CheckpointException>(
            () => TinyTraining.Run(model, _folder.Path, options));
    }

    [Fact]
    public void Learning_rate_may_change_from_one_run_to_the_next()
    {
        using var model = TinyModel.Random();
        RunUntil(4, model, _folder.Path);

        var log = TinyTraining.Run(
            model, _folder.Path, TinyTraining.Options with { LearningRate = new LearningRateSchedule(1e-4, 1e-5, 0, 1, 6) });

        Assert.Equal([(4, 1e-4), (5, 1e-4), (6, 1e-5)], log.Select(metrics => (metrics.Step, Math.Round(metrics.LearningRate, 9))));
    }

    [Fact]
    public void Checkpoint_that_does_not_tell_its_objective_is_trusted()
    {
        using var model = TinyModel.Random();
        RunUntil(4, model, _folder.Path);
        string folder = _folder.File("checkpoints/step-00000003"), state = Path.Combine(folder, "state.json");
        var json = JsonNode.Parse(File.ReadAllText(state))!.AsObject();
        Assert.True(json.Remove("Objective"));
        File.WriteAllText(state, json.ToJsonString());
        Manifest.Write(folder);

        Assert.Equal(4, TinyTraining.Run(model, _folder.Path)[0].Step);
    }

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

    [Fact]
    public void Checkpoint_of_another_network_is_refused_by_name()
    {
        using (var model = TinyModel.Random())
            TinyTraining.Run(model, _folder.Path);
        using var other = TinyModel.Random(TinyModel.Config with { FeedForwardWidth = 64 });

        var exception = Assert.Throws<CheckpointException>(() => TinyTraining.Run(other, _folder.Path));

        Assert.Contains("blocks.0.ff_proj.weight Float32 [48, 32] should have shape [64, 32]", exception.Message, StringComparison.Ordinal);
    }

    private static void RunUntil(int step, MaskPredictor model, string folder, TrainingOptions? options = null)
    {
        using var cancellation = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => TinyTraining.Run(model, folder, options, metrics =>
        {
            if (metrics.Step == step)
                cancellation.Cancel();
        }, cancellation.Token));
    }

    private IEnumerable<string?> Checkpoints() => Directory.GetDirectories(_folder.File("checkpoints")).Select(Path.GetFileName).Order();

    private static void CopyFolder(string source, string destination)
    {
        foreach (string file in Directory.GetFiles(source, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(destination, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    private static void Poison(MaskPredictor model)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        model.Parameter("ln_f.weight").fill_(float.NaN);
    }
}
