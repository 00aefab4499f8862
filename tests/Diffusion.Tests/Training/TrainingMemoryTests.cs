using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Tests.Families;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Optimizers;
using LLaDA.Diffusion.Training.Preferences;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class TrainingMemoryTests : IDisposable
{
    /// <summary>LLaDA-8B.</summary>
    private static readonly LLaDAConfig s_large = new()
    {
        ModelWidth = 4096,
        NumLayers = 32,
        NumHeads = 32,
        NumKeyValueHeads = 32,
        FeedForwardWidth = 12_288,
        VocabularySize = 126_464,
        EmbeddingSize = 126_464,
        MaxSequenceLength = 4096,
        MaskTokenId = 126_336,
        EosTokenId = 126_081,
        PadTokenId = 126_081,
    };

    private static readonly TrainingOptions s_options = new() { BatchSize = 8, LearningRate = new(1e-4, 1e-5, 1, 1, 10) };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Full_training_of_eight_billion_weights_takes_sixteen_bytes_each_beside_activations()
    {
        var memory = Full(s_options, ScalarType.Float32);

        Assert.Equal(4 * 8_015_581_184, memory.Weights);
        Assert.Equal(4 * (8_015_581_184 + (126_464L * 4096)), memory.Gradients);
        Assert.Equal(8 * 8_015_581_184, memory.Optimizer);
        Assert.Equal(memory.Weights + memory.Gradients + memory.Optimizer + memory.Activations + memory.Logits, memory.Total);
        Assert.Equal(12 * 8_015_581_184, Full(s_options with { EmaDecay = 0.9 }, ScalarType.Float32).Optimizer);
        // Blocks multiplied in another type keep a copy of their weights in it, and so does the head.
        Assert.Equal((4 * 8_015_581_184) + (2 * (8_015_581_184 - (126_464L * 4096))), Full(s_options, ScalarType.BFloat16).Weights);
    }

    [Fact]
    public void Adapters_take_gradients_and_moments_alone()
    {
        long numTrained = new LoraOptions { Rank = 16 }.NumParameters(s_large);
        Assert.Equal(32 * 16L * ((4 * 2 * 4096) + (3 * (4096 + 12_288))), numTrained);

        var memory = TrainingMemory.Of(s_large, numTrained, ScalarType.BFloat16, ScalarType.BFloat16, s_options, 512);

        Assert.Equal((2 * 8_015_581_184) + (4 * numTrained), memory.Weights);
        Assert.Equal(4 * numTrained, memory.Gradients);
        Assert.Equal(8 * numTrained, memory.Optimizer);
    }

    [Theory]
    [MemberData(nameof(FamilyModels.Names), MemberType = typeof(FamilyModels))]
    public void What_a_training_of_each_family_keeps_is_what_was_counted(string family)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(FamilyModels.All[family]);
        model.train();
        var parameters = new FullWeights(model).Parameters;
        using var optimizer = new AdamW(DecayingParameter.Groups(parameters, 0.1), 0.9, 0.95);
        int[][] rows = [[.. Enumerable.Range(0, 16)], [.. Enumerable.Range(16, 16)]];
        var batch = ForwardProcess.Noise(rows, TinyModel.Mask, [1, 1], [.. rows.Select(row => new double[row.Length])])
            .Weigh([0, 0], LossReduction.Token);
        var objective = DiffusionObjective.Of(model.Config);

        DiffusionLoss.Backward(model, objective.IsBlockDiffusion ? batch.WithClean(rows) : batch);
        var memory = TrainingMemory.Of(
            model.Config, model.Config.NumParameters, ScalarType.Float32, ScalarType.Float32, s_options with { BatchSize = 2 }, 16);

        static long Bytes(IEnumerable<Tensor> tensors) => tensors.Sum(tensor => tensor.numel() * tensor.element_size());
        Tensor[] gradients = [.. parameters.Select(entry => entry.Parameter.grad).OfType<Tensor>()];
        Assert.Equal(parameters.Count, gradients.Length);
        Assert.Equal(Bytes(model.parameters()), memory.Weights);
        // At real sizes the head or a layer's experts are the largest.
        long largest = parameters.Where(entry => entry.Name == "wte.weight" || entry.Parameter.dim() == 3)
            .Max(entry => Bytes([entry.Parameter]));
        Assert.Equal(Bytes(gradients) + largest, memory.Gradients);
        Assert.Equal(Bytes(optimizer.Moments.Select(entry => entry.Tensor)), memory.Optimizer);
    }

    [Fact]
    public void Block_diffusion_passes_every_row_twice()
    {
        var blocks = FamilyModels.All["SDAR"];
        long Activations(LLaDAConfig config, DiffusionObjective objective) => TrainingMemory.Of(
            config, config.NumParameters, ScalarType.Float32, ScalarType.Float32,
            s_options with { FamilyObjective = objective }, 32).Activations;

        long once = Activations(blocks, DiffusionObjective.LLaDA), twice = Activations(blocks, DiffusionObjective.Sdar);

        // And rows of 64 tokens have a mask of 64 x 64, a byte and a number for each.
        Assert.Equal((2 * once) + (8 * 64 * 64 * 5), twice);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_a_training_keeps_is_what_was_counted(bool isLora)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var lora = isLora ? new LoraWeights(model, new LoraOptions { Rank = 3 }) : null;
        ITrainedWeights weights = lora is null ? new FullWeights(model) : lora;
        using var optimizer = new AdamW(DecayingParameter.Groups(weights.Parameters, 0.1), 0.9, 0.95);
        long numTrained = weights.Parameters.Sum(entry => entry.Parameter.numel());
        int[][] rows = [[.. Enumerable.Range(0, 16)], [.. Enumerable.Range(16, 16)]];
        var batch = ForwardProcess.Noise(rows, TinyModel.Mask, [1, 1], [.. rows.Select(row => new double[row.Length])]);

        DiffusionLoss.Backward(model, batch.Weigh([0, 0], LossReduction.Answer));
        var memory = TrainingMemory.Of(
            model.Config, numTrained, ScalarType.Float32, ScalarType.Float32, s_options with { BatchSize = 2 }, 16);

        static long Bytes(IEnumerable<Tensor> tensors) => tensors.Sum(tensor => tensor.numel() * tensor.element_size());
        long adapters = lora is null ? 0 : Bytes(lora.Parameters.Select(entry => (Tensor)entry.Parameter));
        long largest = isLora ? 0 : Bytes([model.Parameter("ff_out.weight")]);
        Assert.Equal(Bytes(model.parameters()) + adapters, memory.Weights);
        Assert.Equal(Bytes(weights.Parameters.Select(entry => entry.Parameter.grad!)) + largest, memory.Gradients);
        Assert.Equal(Bytes(optimizer.Moments.Select(entry => entry.Tensor)), memory.Optimizer);
    }

    [Fact]
    public void Number_of_adapter_weights_is_theirs()
    {
        using var model = TinyModel.Random();
        string[] targets = ["model.transformer.blocks.*.k_proj", "model.transformer.blocks.1.ff_out", "model.transformer.ff_out"];
        var options = new LoraOptions { Rank = 3, Targets = targets };
        using var lora = new LoraWeights(model, options);

        Assert.Equal(lora.Parameters.Sum(entry => entry.Parameter.numel()), options.NumParameters(model.Config));
    }

    [Fact]
    public void Probabilities_of_attention_are_kept_in_bfloat16_on_a_cpu()
    {
        long Activations(int length, Device? device) => TrainingMemory.Of(
            s_large, s_large.NumParameters, ScalarType.Float32, ScalarType.BFloat16, s_options, length, device).Activations;
        long rows = s_options.BatchSize, probabilities = 2 * rows * 512 * 32 * ((32 * 512) + 4096);

        Assert.Equal(probabilities, Activations(512, CPU) - Activations(512, null));
        Assert.Equal(Activations(4096, CPU), Activations(4096, null));
    }

    [Fact]
    public void Activations_grow_with_the_tokens_of_a_pass_and_shrink_where_they_are_computed_again()
    {
        long Activations(TrainingOptions options, int length = 512) => TrainingMemory.Of(
            s_large, s_large.NumParameters, ScalarType.Float32, ScalarType.BFloat16, options, length).Activations;
        long whole = Activations(s_options);

        Assert.Equal(2 * whole, Activations(s_options, 1024));
        Assert.Equal(2 * whole, Activations(s_options with { BatchSize = 16 }));
        Assert.Equal(whole, 8 * Activations(s_options with { MicroBatchSize = 1 }));
        Assert.Equal(whole, Activations(s_options with { MicroBatchSize = 100 }));
        // Of 32 layers one is left, and the inputs of all.
        Assert.InRange(Activations(s_options with { ActivationCheckpointing = true }), whole / 32, whole / 4);
    }

    [Fact]
    public void Logits_exist_a_chunk_at_a_time()
    {
        var memory = Full(s_options, ScalarType.Float32);

        Assert.InRange(memory.Logits, 16L * ((1 << 24) - s_large.EmbeddingSize), 16L << 24);
        Assert.True(memory.Logits < 3L * 8 * 512 * 126_464 * 4 / 3);
    }

    [Fact]
    public void Job_that_cannot_fit_is_refused_with_the_arithmetic_and_with_what_would_fit()
    {
        string Refusal(TrainingOptions options) => Assert.Throws<TrainingMemoryException>(() => Require(options)).Message;

        string message = Refusal(s_options with { DeviceBytes = 170_000_000_000 });

        Assert.StartsWith(
            "Training 8,015,581,184 weights of a model of 8,015,581,184, 8 x 512 tokens a pass, does not fit 170.0 GB: "
            + "weights 47.1 + gradients ",
            message, StringComparison.Ordinal);
        Assert.EndsWith("It fits with activation checkpointing: 137.0 GB", message, StringComparison.Ordinal);
        Assert.EndsWith("No batch is small enough", Refusal(s_options with { DeviceBytes = 80_000_000_000 }), StringComparison.Ordinal);
        Require(s_options with { DeviceBytes = 1_000_000_000_000 });

        static void Require(TrainingOptions options) =>
            TrainingMemory.Require(s_large, s_large.NumParameters, ScalarType.Float32, ScalarType.BFloat16, options, 512, CPU);
    }

    /// <summary>Under adapters lies the reference; rows of an adapter's step are those of a pass.</summary>
    [Fact]
    public void Preferences_keep_a_second_copy_beside_trained_weights_and_nothing_beside_adapters()
    {
        var preferring = s_options with { Preference = new PreferenceOptions(), MicroBatchSize = 8 };
        long numAdapted = new LoraOptions { Rank = 16 }.NumParameters(s_large);
        TrainingMemory Adapted(TrainingOptions options) =>
            TrainingMemory.Of(s_large, numAdapted, ScalarType.BFloat16, ScalarType.BFloat16, options, 512);

        var memory = Full(preferring, ScalarType.BFloat16);
        var refused = Assert.Throws<TrainingMemoryException>(() => TrainingMemory.Require(
            s_large, s_large.NumParameters, ScalarType.Float32, ScalarType.BFloat16,
            preferring with { DeviceBytes = 150_000_000_000, ActivationCheckpointing = true }, 512, CPU));

        Assert.Equal(Full(s_options, ScalarType.BFloat16) with { Reference = 4 * 8_015_581_184 }, memory);
        Assert.Equal(Adapted(s_options), Adapted(preferring));
        Assert.Contains("weights 33.5 + reference 32.1 + gradients ", refused.Message, StringComparison.Ordinal);
        // A step of 8 pairs has 128 rows, which pass at once unless told otherwise.
        Assert.Equal(
            16 * Full(s_options, ScalarType.Float32).Activations,
            Full(preferring with { MicroBatchSize = null }, ScalarType.Float32).Activations);
    }

    [Fact]
    public void Process_that_has_too_little_is_known_without_being_told()
    {
        var endless = s_options with { BatchSize = 1 << 24 };

        Assert.Throws<TrainingMemoryException>(
            () => TrainingMemory.Require(s_large, s_large.NumParameters, ScalarType.Float32, ScalarType.Float32, endless, 512, CPU));
        TrainingMemory.Require(s_large, s_large.NumParameters, ScalarType.Float32, ScalarType.Float32, endless, 512, META);
    }

    [Fact]
    public void Run_that_does_not_fit_leaves_nothing_behind()
    {
        using var model = TinyModel.Random();

        Assert.Throws<TrainingMemoryException>(
            () => TinyTraining.Run(model, _folder.File("run"), TinyTraining.Options with { DeviceBytes = 1000 }));

        Assert.False(Directory.Exists(_folder.File("run")));
        Assert.All(model.parameters(), parameter => Assert.Null(parameter.grad));
    }

    private static TrainingMemory Full(TrainingOptions options, ScalarType computeType) =>
        TrainingMemory.Of(s_large, s_large.NumParameters, ScalarType.Float32, computeType, options, 512);
}
