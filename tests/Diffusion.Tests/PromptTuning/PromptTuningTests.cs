using System.Text.Json.Nodes;
using LLaDA.Diffusion.Adapters;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.PromptTuning;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Checkpoints;
using LLaDA.Diffusion.Tests.Training;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.PromptTuning;

public sealed class PromptTuningTests : IDisposable
{
    private static readonly PromptTuningOptions s_options = new() { NumVirtualTokens = 4, BaseModel = "tiny", Seed = 5 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Training_changes_the_vectors_alone_and_lowers_the_loss(ScalarType weightType)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(weightType: weightType);
        var before = model.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter.detach().clone());
        using var prompt = new PromptTuningWeights(model, s_options);

        var log = Run(prompt, "run", TinyTraining.Options with
        {
            LearningRate = new LearningRateSchedule(0.1, 0.01, 2, 10, 60), StratifiesTimes = true, CheckpointInterval = 60,
        });

        Assert.InRange(log.TakeLast(10).Average(metrics => metrics.Loss), 0, 0.75 * log.Take(5).Average(metrics => metrics.Loss));
        foreach (var (name, parameter) in model.named_parameters())
            TensorAssert.Equal(before[name], parameter);
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
        using var uninterrupted = new PromptTuningWeights(model, s_options);
        var expected = Run(uninterrupted, "whole", options);

        using (var killed = new PromptTuningWeights(other, s_options))
        using (var cancellation = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() => Run(killed, "parts", options, metrics =>
            {
                if (metrics.Step == 5)
                    cancellation.Cancel();
            }, cancellation.Token));
        }
        using var resumed = new PromptTuningWeights(other, s_options with { Seed = 9 });
        var log = Run(resumed, "parts", options);

        Assert.Equal(
            expected.Skip(3).Select(metrics => (metrics.Step, metrics.Loss, metrics.GradNorm, metrics.ValidationLoss)),
            log.Select(metrics => (metrics.Step, metrics.Loss, metrics.GradNorm, metrics.ValidationLoss)));
        TensorAssert.Equal(uninterrupted.Parameters[0].Parameter, resumed.Parameters[0].Parameter);
    }

    [Fact]
    public void Saved_vectors_are_read_back_from_PEFTs_layout()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        Checkpoint.Save(model, _folder.File("base"));
        using var prompt = new PromptTuningWeights(model, s_options with { InitialTokens = [3, 9], InitialText = "a b" });
        Change(prompt);
        prompt.Save(_folder.File("adapter"));

        using var loaded = AdaptedCheckpoint.Load(_folder.File("base"), _folder.File("adapter"));

        var row = SamplingRows(8);
        Assert.Equal(Sample(model, row), Sample(loaded, row));
        Assert.Equal((4, 60), (loaded.Config.NumVirtualTokens, loaded.Config.ContextLength));
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder.File("adapter"), "adapter_config.json")))!;
        Assert.Equal(("PROMPT_TUNING", 4, 32, "TEXT", "a b", "tiny"), (
            (string)json["peft_type"]!, (int)json["num_virtual_tokens"]!, (int)json["token_dim"]!, (string)json["prompt_tuning_init"]!,
            (string)json["prompt_tuning_init_text"]!, (string)json["base_model_name_or_path"]!));
        using var file = new SafetensorsFile(Path.Combine(_folder.File("adapter"), "adapter_model.safetensors"));
        var (name, entry) = Assert.Single(file.Tensors);
        Assert.Equal("prompt_embeddings", name);
        Assert.Equal([4, 32], entry.Shape);
        TensorAssert.Equal(prompt.Parameters[0].Parameter, file.Read(name));
    }

    [Fact]
    public void Vectors_begin_as_the_embeddings_of_a_text_over_and_over_or_of_tokens_that_the_seed_draws()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        var embedding = model.Parameter("wte.weight").detach();
        Tensor Vectors(PromptTuningOptions options)
        {
            using var prompt = new PromptTuningWeights(model, options);
            return prompt.Parameters[0].Parameter.detach().clone();
        }

        TensorAssert.Equal(embedding[tensor(new long[] { 7, 8, 9, 7 })], Vectors(s_options with { InitialTokens = [7, 8, 9] }));
        TensorAssert.Equal(embedding[tensor(new long[] { 1, 2, 3, 4 })], Vectors(s_options with { InitialTokens = [1, 2, 3, 4, 5, 6] }));
        var drawn = Vectors(s_options);
        TensorAssert.Equal(drawn, Vectors(s_options));
        Assert.True(TensorAssert.LargestDifference(drawn, Vectors(s_options with { Seed = 6 })) > 0);
        // Each is the embedding of some token.
        Assert.Equal(0, cdist(drawn, embedding).min(1).values.max().item<float>(), 1e-3);
    }

    [Fact]
    public void Wrong_options_and_second_vectors_are_refused_and_leave_the_model_as_it_was()
    {
        using var model = TinyModel.Random();
        using (var warmup = new PromptTuningWeights(model, s_options))
            Change(warmup);
        long before = LiveTensors.Count;

        foreach (var (options, fault) in new (PromptTuningOptions, string)[]
        {
            (s_options with { NumVirtualTokens = 0 }, "at least 1"), (s_options with { NumVirtualTokens = 33 }, "more than half"),
            (s_options with { InitialTokens = [] }, "no token"), (s_options with { InitialTokens = [44] }, "the id 44"),
        })
            Assert.Contains(
                fault, Assert.Throws<ArgumentException>(() => new PromptTuningWeights(model, options)).Message, StringComparison.Ordinal);
        var prompt = new PromptTuningWeights(model, s_options);
        Assert.Throws<InvalidOperationException>(() => new PromptTuningWeights(model, s_options));
        prompt.Dispose();
        prompt.Dispose();

        Assert.Equal(before, LiveTensors.Count);
        Assert.Equal(64, model.Config.ContextLength);
        Assert.All(model.parameters(), parameter => Assert.True(parameter.requires_grad));
    }

    [Fact]
    public void Files_that_do_not_fit_are_refused_with_a_sentence()
    {
        using var model = TinyModel.Random();
        Checkpoint.Save(model, _folder.File("base"));
        using (var lora = new LoraWeights(model, new LoraOptions { Rank = 2 }))
            lora.Save(_folder.File("lora"));
        using var prompt = new PromptTuningWeights(model, s_options);
        prompt.Save(_folder.File("good"));

        Refuses("num_virtual_tokens is 0; it must be at least 1", json => json["num_virtual_tokens"] = 0);
        Refuses("num_virtual_tokens is missing", json => json.Remove("num_virtual_tokens"));
        Refuses("token_dim is \"wide\"", json => json["token_dim"] = "wide");
        Refuses("shape [5, 32]", json => json["num_virtual_tokens"] = 5);
        Refuses("num_transformer_submodules is 2", json => json["num_transformer_submodules"] = 2);
        Refuses("modules_to_save is [\"head\"]", json => json["modules_to_save"] = new JsonArray("head"));
        Refuses("peft_type is \"PREFIX_TUNING\", which is not supported", json => json["peft_type"] = "PREFIX_TUNING");
        Refuses("is missing", _ => { }, path => File.Delete(Path.Combine(path, "adapter_model.safetensors")));
        Refuses("holds wrong; prompt tuning has prompt_embeddings alone", _ => { }, path => SafetensorsWriter.Write(
            Path.Combine(path, "adapter_model.safetensors"), [("prompt_embeddings", zeros(4, 32)), ("wrong", zeros(4, 32))]));
        Refuses("lacks prompt_embeddings", _ => { }, path => SafetensorsWriter.Write(
            Path.Combine(path, "adapter_model.safetensors"), []));
        Refuses("components, and the model has 32", json => json["token_dim"] = 16, path => SafetensorsWriter.Write(
            Path.Combine(path, "adapter_model.safetensors"), [("prompt_embeddings", zeros(4, 16))]));

        Assert.Contains("holds 4 prompt vectors", Fault(() =>
        {
            using var larger = TinyModel.Random();
            using var other = new PromptTuningWeights(larger, s_options with { NumVirtualTokens = 5 });
            other.Load(_folder.File("good"));
        }), StringComparison.Ordinal);
        Assert.Contains("belongs to another", Fault(() =>
        {
            using var larger = TinyModel.Random();
            using var other = new PromptTuningWeights(larger, s_options with { BaseModel = null });
            other.Load(_folder.File("good"));
        }), StringComparison.Ordinal);
        Assert.Contains("not trained beside another adapter", Fault(() => prompt.Load(_folder.File("lora"))), StringComparison.Ordinal);
        Assert.Contains(
            "cannot be merged into weights", Fault(() => MergedCheckpoint.Load(_folder.File("base"), _folder.File("good"))),
            StringComparison.Ordinal);
    }

    private void Refuses(string fault, Action<JsonObject> change, Action<string>? spoil = null)
    {
        string path = Path.Combine(_folder.File("good"), "adapter_config.json"), copy = _folder.File("bad");
        if (Directory.Exists(copy))
            Directory.Delete(copy, recursive: true);
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.GetFiles(_folder.File("good")))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(json);
        File.WriteAllText(Path.Combine(copy, "adapter_config.json"), json.ToJsonString());
        spoil?.Invoke(copy);

        Assert.Contains(fault, Fault(() => AdaptedCheckpoint.Load(_folder.File("base"), copy)), StringComparison.Ordinal);
    }

    private static string Fault(Action action) => Assert.Throws<CheckpointException>(action).Message;

    private List<TrainingMetrics> Run(
        PromptTuningWeights weights, string folder, TrainingOptions options, Action<TrainingMetrics>? onStep = null,
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

    private static void Change(PromptTuningWeights prompt)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var random = new Generator(3);
        prompt.Parameters[0].Parameter.copy_(rand(prompt.Parameters[0].Parameter.shape, generator: random) - 0.5);
    }

    private static SamplingRow SamplingRows(int numMasks) =>
        new([1, 2, .. Enumerable.Repeat(TinyModel.Mask, numMasks)], new SamplingOptions());

    private static double[] Sample(MaskPredictor model, SamplingRow row)
    {
        using var sampler = new Sampler(model);
        return sampler.Sample([row])[0].Confidence;
    }
}
