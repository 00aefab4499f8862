using CsCheck;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Tests.Model;

public sealed class LLaDAConfigTests
{
    internal static LLaDAConfig LLaDA8B { get; } = new()
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
        EotTokenId = 126_348,
    };

    private static readonly LLaDAConfig s_iLLaDA = LLaDA8B with
    {
        NumKeyValueHeads = 8,
        FeedForwardWidth = 14_336,
        VocabularySize = 155_136,
        EmbeddingSize = 155_136,
        TiesWeights = true,
    };

    private static readonly Gen<LLaDAConfig> s_configs =
        from keyValueHeads in Gen.Int[1, 4]
        from @group in Gen.Int[1, 3]
        from halfHead in Gen.Int[1, 8]
        from layers in Gen.Int[1, 5]
        from feedForward in Gen.Int[1, 70]
        from vocabulary in Gen.Int[40, 90]
        from further in Gen.Int[0, 9]
        from tiesWeights in Gen.Bool
        from hasBias in Gen.Bool
        select TinyModel.Config with
        {
            NumHeads = keyValueHeads * @group,
            NumKeyValueHeads = keyValueHeads,
            ModelWidth = keyValueHeads * @group * halfHead * 2,
            NumLayers = layers,
            FeedForwardWidth = feedForward,
            VocabularySize = vocabulary,
            EmbeddingSize = vocabulary + further,
            TiesWeights = tiesWeights,
            HasQkvBias = hasBias,
        };

    [Fact]
    public void Parameters_of_LLaDA_8B_are_those_of_the_paper()
    {
        Assert.Equal(8_015_581_184, LLaDA8B.NumParameters);
        Assert.Equal(6_979_588_096, LLaDA8B.NumNonEmbeddingParameters);
        Assert.Equal(128, LLaDA8B.HeadWidth);
    }

    [Fact]
    public void Parameters_of_iLLaDA_count_its_tied_head_once() => Assert.Equal(7_615_025_152, s_iLLaDA.NumParameters);

    [Fact]
    public void Parameters_are_the_sum_of_their_shapes() =>
        s_configs.Sample(config =>
        {
            Assert.Empty(config.Validate());
            Assert.Equal(
                config.NumParameters,
                ParameterShapes.Of(config).Values.Sum(shape => shape.Aggregate(1L, (product, size) => product * size)));
        });

    [Fact]
    public void Parameters_of_the_network_have_the_names_and_shapes_told_beforehand() =>
        s_configs.Sample(config =>
        {
            using var model = new MaskPredictor(config, TorchSharp.torch.CPU);
            var shapes = model.named_parameters().ToDictionary(parameter => parameter.name, parameter => parameter.parameter.shape);
            Assert.Equal(ParameterShapes.Of(config), shapes);
        }, iter: 20, threads: 1);

    [Fact]
    public void All_errors_are_reported_at_once()
    {
        var errors =
            (TinyModel.Config with { NumHeads = 6, RopeTheta = 0, MaskTokenId = TinyModel.Eos, PadTokenId = 99 }).Validate().ToList();

        Assert.Equal(4, errors.Count);
        Assert.Contains(errors, error => error.Contains("6 heads", StringComparison.Ordinal));
        Assert.Contains(errors, error => error.Contains("rope_theta", StringComparison.Ordinal));
        Assert.Contains(errors, error => error.Contains("pad_token_id is 99", StringComparison.Ordinal));
        Assert.Contains(errors, error => error.Contains("must differ", StringComparison.Ordinal));
    }

    [Fact]
    public void Sizes_that_are_not_positive_are_refused_without_dividing_by_them()
    {
        Assert.NotEmpty((TinyModel.Config with { NumHeads = 0 }).Validate());
        Assert.NotEmpty((TinyModel.Config with { NumKeyValueHeads = 0 }).Validate());
        Assert.NotEmpty((TinyModel.Config with { ModelWidth = -32 }).Validate());
        Assert.NotEmpty((TinyModel.Config with { NumLayers = 1_000_000 }).Validate());
        Assert.NotEmpty((TinyModel.Config with { EmbeddingSize = 39 }).Validate());
    }
}
