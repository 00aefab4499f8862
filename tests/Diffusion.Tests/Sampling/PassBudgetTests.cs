using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Families;
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

    /// <summary>
    /// For memories from nothing to far more than the longest row takes, and contexts below and above what a CPU's pass takes.
    /// </summary>
    [Theory]
    [MemberData(nameof(FamilyModels.Names), MemberType = typeof(FamilyModels))]
    public void Pass_takes_the_longest_row_wherever_it_fits_and_never_more_than_fits(string family)
    {
        foreach (var device in new[] { CPU, META })
        {
            foreach (int context in new[] { 64, 4096, 100_000 })
            {
                var config = FamilyModels.All[family] with { MaxSequenceLength = context };
                long row = PassBudget.TokensOfLongestRow(config, ScalarType.BFloat16);
                for (long free = 0; free < 1L << 40; free = (free * 2) + 1)
                {
                    long fitting = PassBudget.FittingTokens(config, ScalarType.BFloat16, free);
                    int planned = PassBudget.MaxTokens(config, ScalarType.BFloat16, device, free);

                    Assert.InRange(planned, 1, Math.Max(1, fitting));
                    Assert.True(planned >= Math.Min(row, fitting), $"{planned} of {fitting} tokens, and the longest row holds {row}");
                }
            }
        }
    }

    /// <summary>What the engine counts: the first pass of a prompt that fills the context but for one block.</summary>
    [Fact]
    public void Longest_row_of_a_block_causal_model_holds_its_tokens_and_the_keys_and_values_of_all()
    {
        var config = FamilyModels.All["SDAR"] with { MaxSequenceLength = 64 };
        double share = PassBudget.KeptShare(config, ScalarType.Float32);
        int[] canvas = [.. Enumerable.Repeat(1, 60), .. Enumerable.Repeat(config.MaskTokenId, 4)];
        using var row = DenoisingRow.Create(new SamplingRow(canvas, new SamplingOptions()), config);

        Assert.Equal(PassBudget.TokensOfLongestRow(config, ScalarType.Float32), row.NumTokensHeld(share));
        Assert.Equal(64, PassBudget.TokensOfLongestRow(FamilyModels.All["LLaDA"] with { MaxSequenceLength = 64 }, ScalarType.Float32));
    }

    [Fact]
    public void Pass_on_a_cpu_is_bounded() =>
        Assert.Equal(PassBudget.MaxTokensOnCpu, PassBudget.MaxTokens(s_config, ScalarType.Float32, CPU, long.MaxValue));
}
