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
    /// Block: four float32 rows of the width, queries, keys and values (half the width) in float32 and in the type of the products, three
    /// rows of the gated layer. Cache: keys and values of three layers. Place: logits, their float32, softmax and three float64 rows.
    /// </summary>
    [Theory]
    [InlineData(ScalarType.Float32, 16_000 + 24_000 + 24_000, 12_000, 10_000 * 36)]
    [InlineData(ScalarType.BFloat16, 16_000 + 18_000 + 12_000, 6_000, 10_000 * 34)]
    public void Token_takes_a_block_and_its_cache_and_a_place_its_logits(ScalarType type, long block, long cache, long place)
    {
        Assert.Equal(block + cache, PassBudget.BytesPerToken(s_config, type));
        Assert.Equal(place, PassBudget.BytesPerPlace(s_config, type));
        Assert.Equal((double)cache / (block + cache), PassBudget.KeptShare(s_config, type));
    }

    [Fact]
    public void Tokens_of_a_pass_are_as_many_as_fit_beside_the_logits_of_a_piece()
    {
        long token = PassBudget.BytesPerToken(s_config, ScalarType.BFloat16);
        long place = PassBudget.BytesPerPlace(s_config, ScalarType.BFloat16);
        long piece = HeadPieces.Size(s_config) * place;
        int MaxTokens(long bytes) => PassBudget.MaxTokens(s_config, ScalarType.BFloat16, META, bytes);

        Assert.Equal(512, HeadPieces.Size(s_config));
        Assert.Equal(1000, MaxTokens(piece + (1001 * token) - 1));
        Assert.Equal(1001, MaxTokens(piece + (1001 * token)));
        Assert.Equal(int.MaxValue, MaxTokens(long.MaxValue));
        // Fewer tokens than a piece need the logits of no more places than they are.
        Assert.Equal(200, PassBudget.FittingTokens(s_config, ScalarType.BFloat16, 200 * (token + place)));
        Assert.Equal(511, PassBudget.FittingTokens(s_config, ScalarType.BFloat16, (512 * (token + place)) - 1));
        Assert.Equal(512, PassBudget.FittingTokens(s_config, ScalarType.BFloat16, 512 * (token + place)));
    }

    [Theory]
    [InlineData(126_464, 512)]
    [InlineData(157_184, 416)]
    [InlineData(10_000_000, 16)]
    public void Piece_is_bounded_by_the_vocabulary(int embeddingSize, int expected) =>
        Assert.Equal(expected, HeadPieces.Size(s_config with { EmbeddingSize = embeddingSize }));

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
