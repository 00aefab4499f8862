using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

public sealed class InitializationTests
{
    [Theory]
    [InlineData("wte.weight", 1 / 8.0)]
    [InlineData("ff_out.weight", 1 / 8.0)]
    [InlineData("blocks.2.q_proj.weight", 1 / 8.0)]
    [InlineData("blocks.2.ff_proj.weight", 1 / 8.0)]
    [InlineData("blocks.0.attn_out.weight", 1 / 8.0 / 1.4142136)]
    [InlineData("blocks.2.attn_out.weight", 1 / 8.0 / 2.4494897)]
    [InlineData("blocks.2.ff_out.weight", 1 / 16.0 / 2.4494897)]
    public void Weights_are_normal_and_cut_at_three_deviations(string name, double deviation)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(
            TinyModel.Config with { ModelWidth = 64, FeedForwardWidth = 256, NumLayers = 3, VocabularySize = 300, EmbeddingSize = 300 });

        var weight = model.Parameter(name).detach();

        // Cutting takes 1.3 % of the deviation; 4,096 draws or more know it to about 1 %.
        Assert.InRange(weight.std().item<float>(), 0.94 * deviation, 1.03 * deviation);
        Assert.InRange(weight.mean().item<float>(), -0.1 * deviation, 0.1 * deviation);
        Assert.InRange(weight.abs().max().item<float>(), 2.5 * deviation, 3.0001 * deviation);
    }

    [Fact]
    public void Norms_start_at_one_and_biases_at_zero()
    {
        using var model = TinyModel.Random();

        foreach (var (name, parameter) in model.named_parameters().Where(parameter => parameter.parameter.dim() == 1))
        {
            float expected = name.EndsWith(".bias", StringComparison.Ordinal) ? 0 : 1;
            Assert.All(parameter.data<float>().ToArray(), value => Assert.Equal(expected, value));
        }
    }

    [Fact]
    public void Same_seed_draws_the_same_weights_and_another_seed_others()
    {
        using var scope = NewDisposeScope();
        using var first = TinyModel.Random(seed: 5);
        using var second = TinyModel.Random(seed: 5);
        using var other = TinyModel.Random(seed: 6);

        foreach (var (name, parameter) in first.named_parameters())
            TensorAssert.Equal(parameter, second.Parameter(name));
        Assert.True(TensorAssert.LargestDifference(first.Parameter("wte.weight"), other.Parameter("wte.weight")) > 0.1);
    }

    [Fact]
    public void Fresh_network_knows_nothing()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        var canvas = arange(TinyModel.NumTextTokens).unsqueeze(0);

        double loss = nn.functional.cross_entropy(model.call(canvas)[0], canvas[0]).item<float>();

        Assert.InRange(loss, 0.8 * Math.Log(TinyModel.Config.EmbeddingSize), 1.3 * Math.Log(TinyModel.Config.EmbeddingSize));
    }
}
