using LLaDA.Diffusion.Adapters;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.PromptTuning;
using LLaDA.Diffusion.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Families;

/// <summary>Models of every family with weights in 8 bits, and with products in float16.</summary>
public sealed class Int8Tests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly int _numThreads = get_num_threads();

    public static TheoryData<string, ScalarType> Cases
    {
        get
        {
            var cases = new TheoryData<string, ScalarType>();
            foreach (string family in FamilyModels.All.Keys)
            {
                cases.Add(family, ScalarType.Float32);
                cases.Add(family, ScalarType.BFloat16);
                cases.Add(family, ScalarType.Float16);
            }
            return cases;
        }
    }

    public void Dispose()
    {
        set_num_threads(_numThreads);
        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(FamilyModels.Names), MemberType = typeof(FamilyModels))]
    public void Model_in_8_bits_predicts_as_one_whose_matrices_are_rounded(string family)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var model = Saved(family);
        using var loaded = Load(ScalarType.Float32);
        var tokens = TinyModel.Canvas(5, 9, TinyModel.Mask, 17, TinyModel.Mask, 3, 3, TinyModel.Mask);
        var exact = model.forward(tokens);
        foreach (var (_, projection) in model.Projections.Where(entry => entry.Key.StartsWith("blocks.", StringComparison.Ordinal)))
            projection.Weight.copy_(Int8Rows.Dense(Int8Rows.Quantize(projection.Weight), ScalarType.Float32));

        var logits = loaded.forward(tokens);

        TensorAssert.Equal(model.forward(tokens), logits);
        Assert.InRange(TensorAssert.LargestDifference(exact, logits), 1e-6, 0.3 * exact.abs().max().item<float>());
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Script_has_the_bits_of_the_modules(string family, ScalarType computeType)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Saved(family).Dispose();
        using var model = Load(computeType);
        var packed = BlockCausalMask.Complete(
            model.Pack(TinyModel.Canvas([.. Enumerable.Range(0, 20).Select(index => (long)index)]), isToken: null), model.Config);
        var rotation = model.Rotate(packed);
        var x = model.Embed(packed.Tokens);
        for (int layer = 0; layer < model.Config.NumLayers; layer++)
        {
            var expected = model.BlockByModules(layer, x, rotation, packed);
            x = model.Block(layer, x, rotation, packed);
            TensorAssert.Equal(expected, x);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Row_has_the_same_tokens_and_confidences_alone_and_among_others(string family, ScalarType computeType)
    {
        set_num_threads(Environment.ProcessorCount);
        Saved(family).Dispose();
        using var model = Load(computeType);
        using var sampler = new Sampler(model);
        SamplingRow[] rows =
        [
            .. Enumerable.Range(0, 5).Select(row => new SamplingRow(
                [
                    .. Enumerable.Range(0, 4 + (4 * row)).Select(token => (token + row) % TinyModel.NumTextTokens),
                    .. Enumerable.Repeat(TinyModel.Mask, 8),
                ],
                new SamplingOptions { BlockLength = 4, Steps = 8, Seed = (ulong)row })),
        ];

        var together = sampler.Sample(rows);

        foreach (var (index, row) in rows.Index())
        {
            var alone = sampler.Sample([row])[0];
            Assert.Equal(alone.Tokens, together[index].Tokens);
            Assert.Equal(alone.Confidence, together[index].Confidence);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Planned_memory_is_that_of_the_weights(string family, ScalarType computeType)
    {
        using var scope = NewDisposeScope();
        Saved(family).Dispose();
        using var model = Load(computeType);
        using var dense = Checkpoint.Load(_folder.Path, weightType: computeType, computeType: computeType);

        Assert.Equal(Bytes(model), WeightBytes.Of(model.Config, ScalarType.Int8, computeType));
        Assert.Equal(Bytes(dense), WeightBytes.Of(model.Config, computeType, computeType));
    }

    [Theory]
    [MemberData(nameof(FamilyModels.Names), MemberType = typeof(FamilyModels))]
    public void Products_in_float16_are_near_those_in_float32(string family)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var model = Saved(family);
        using var half = Checkpoint.Load(_folder.Path, weightType: ScalarType.Float16, computeType: ScalarType.Float16);
        var tokens = TinyModel.Canvas(5, 9, TinyModel.Mask, 17, TinyModel.Mask, 3, 3, TinyModel.Mask);

        TensorAssert.Close(model.forward(tokens), half.forward(tokens), 0.01);
    }

    [Theory]
    [InlineData("LLaDA", null)]
    [InlineData("LLaDA2", "model.layers.1.mlp.experts.*.up_proj")]
    public void Adapter_is_merged_before_weights_are_rounded(string family, string? target)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var model = Saved(family);
        // The changes are small beside a step: rounding the base first would lose them.
        var options = new LoraOptions { Rank = 4, Alpha = 4, Seed = 2, Targets = target is null ? null : [target] };
        using (var lora = new LoraWeights(model, options))
        {
            foreach (var (_, parameter) in lora.Parameters)
                parameter.normal_(0, 0.01);
            lora.Save(_folder.File("adapter"));
            lora.Merge();
        }

        using var loaded = AdaptedCheckpoint.Load(_folder.Path, _folder.File("adapter"), weightType: ScalarType.Int8);

        var blocks = model.Projections.Where(entry => entry.Key.StartsWith("blocks.", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(blocks);
        Assert.All(blocks, entry =>
            TensorAssert.Equal(Int8Rows.Quantize(entry.Value.Weight), loaded.Projections[entry.Key].Weight));
    }

    [Theory]
    [InlineData(ScalarType.BFloat16, 1.0 / 256)]
    [InlineData(ScalarType.Float16, 1.0 / 2048)]
    public void Matrix_in_a_type_of_products_is_rounded_once(ScalarType type, double step)
    {
        using var scope = NewDisposeScope();
        var rows = Int8Rows.Quantize((rand([7, 40], generator: new Generator(5)) - 0.5) * 1e-3);

        var exact = Int8Rows.Dense(rows, ScalarType.Float32);

        TensorAssert.Equal(exact.to(type), Int8Rows.Dense(rows, type));
        Assert.InRange(TensorAssert.LargestDifference(exact, exact.to(type)), 1e-9, step * 1e-3);
    }

    /// <summary>What passes from block to block can be larger than the largest number of float16.</summary>
    [Fact]
    public void Residual_stream_is_in_float32_beside_products_in_float16()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Saved("LLaDA").Dispose();
        using var half = Checkpoint.Load(_folder.Path, weightType: ScalarType.Float16, computeType: ScalarType.Float16);
        using var inInt8 = Load(ScalarType.Float16);
        var tokens = TinyModel.Canvas(5, 9, TinyModel.Mask, 3);

        Assert.Equal(ScalarType.Float32, half.Hidden(tokens).dtype);
        Assert.Equal(ScalarType.Float32, inInt8.Hidden(tokens).dtype);
        half.Parameter("wte.weight").mul_(30_000);
        Assert.True(half.forward(tokens).isfinite().all().item<bool>());
    }

    [Fact]
    public void Weights_in_8_bits_are_neither_saved_nor_trained()
    {
        Saved("LLaDA").Dispose();
        using var model = Load(ScalarType.Float32);

        Assert.Contains(
            "in 8 bits", Assert.Throws<InvalidOperationException>(() => Checkpoint.Save(model, _folder.File("again"))).Message,
            StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => model.Initialize(seed: 1));
        Assert.Contains(
            "in another type", Assert.Throws<InvalidOperationException>(() => new LoraWeights(model, new LoraOptions())).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "in another type", Assert.Throws<InvalidOperationException>(
                () => new PromptTuningWeights(model, new PromptTuningOptions { NumVirtualTokens = 2 })).Message,
            StringComparison.Ordinal);
    }

    private static long Bytes(MaskPredictor model) => model.parameters().Sum(parameter => parameter.numel() * parameter.element_size());

    /// <summary>A random model, saved in the folder.</summary>
    private MaskPredictor Saved(string family)
    {
        var small = FamilyModels.All[family];
        var model = TinyModel.Random(small with
        {
            ModelWidth = 96, FeedForwardWidth = 160,
            Experts = small.Experts is { } experts
                ? experts with { Width = 64, SharedWidth = experts.SharedWidth == experts.Width ? 64 : 0 }
                : null,
        }, seed: 3);
        Checkpoint.Save(model, _folder.Path);
        return model;
    }

    private MaskPredictor Load(ScalarType computeType) =>
        Checkpoint.Load(_folder.Path, weightType: ScalarType.Int8, computeType: computeType);
}
