using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>Tokens that may share a pass, counted by hand.</summary>
public sealed class PassBudgetTests
{
    private static readonly LLaDAConfig s_config = TinyModel.Config with
    {
        ModelWidth = 1000,
        NumLayers = 3,
        NumHeads = 10,
        NumKeyValueHeads = 5,
        FeedForwardWidth = 2000,
        EmbeddingSize = 10_000,
    };

    /// <summary>
    /// Block: four float32 rows of the width, queries, keys and values (half the width) in float32 and in the type of the products, three rows of the gated layer.
    /// Head: logits, their float32, softmax and three float64 rows. Cache: keys and values of three layers.
    /// </summary>
    [Theory]
    [InlineData(ScalarType.Float32, 16_000 + 24_000 + 24_000, 10_000 * 36, 12_000)]
    [InlineData(ScalarType.BFloat16, 16_000 + 18_000 + 12_000, 10_000 * 34, 6_000)]
    public void Bytes_of_a_token_are_those_of_a_block_the_head_and_the_cache(ScalarType type, long block, long head, long cache) =>
        Assert.Equal(block + head + cache, PassBudget.BytesPerToken(s_config, type));

    [Fact]
    public void Tokens_of_a_pass_are_as_many_as_fit()
    {
        long bytes = PassBudget.BytesPerToken(s_config, ScalarType.BFloat16);

        Assert.Equal(1000, PassBudget.MaxTokens(s_config, ScalarType.BFloat16, META, (1001 * bytes) - 1));
        Assert.Equal(1001, PassBudget.MaxTokens(s_config, ScalarType.BFloat16, META, 1001 * bytes));
        Assert.Equal(int.MaxValue, PassBudget.MaxTokens(s_config, ScalarType.BFloat16, META, long.MaxValue));
    }

    [Fact]
    public void Pass_takes_a_whole_canvas_even_where_it_does_not_fit()
    {
        Assert.Equal(s_config.MaxSequenceLength, PassBudget.MaxTokens(s_config, ScalarType.BFloat16, META, 0));
        Assert.Equal(4096, PassBudget.MaxTokens(s_config with { MaxSequenceLength = 4096 }, ScalarType.Float32, CPU, long.MaxValue));
    }

    [Fact]
    public void Pass_on_a_cpu_is_bounded() =>
        Assert.Equal(PassBudget.MaxTokensOnCpu, PassBudget.MaxTokens(s_config, ScalarType.Float32, CPU, long.MaxValue));
}
