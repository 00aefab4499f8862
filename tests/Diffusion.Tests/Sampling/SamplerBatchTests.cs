using CsCheck;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>The promise of batching: a row's result depends on its own request alone, bit for bit.</summary>
public sealed class SamplerBatchTests : IDisposable
{
    private readonly int _numThreads = get_num_threads();

    /// <summary>
    /// The promise holds for any number of threads, so it is tested with several, which split matrix products among them.
    /// </summary>
    public SamplerBatchTests() => set_num_threads(Environment.ProcessorCount);

    public void Dispose() => set_num_threads(_numThreads);

    public static TheoryData<ScalarType, ScalarType> Types => new()
    {
        { ScalarType.Float32, ScalarType.Float32 },
        { ScalarType.Float32, ScalarType.BFloat16 },
        { ScalarType.BFloat16, ScalarType.BFloat16 },
    };

    [Theory]
    [MemberData(nameof(Types))]
    public void Row_gives_the_same_bits_alone_and_at_every_place_among_others(ScalarType weightType, ScalarType computeType)
    {
        var config = TinyModel.Config with { ModelWidth = 96, FeedForwardWidth = 256, EmbeddingSize = 517 };
        using var model = TinyModel.Random(config, seed: 2, weightType, computeType);
        using var sampler = new Sampler(model);
        using var forbidden = new TokenSet(Enumerable.Range(0, 20));
        var rows = Rows(forbidden);

        var alone = rows.Select(row => sampler.Sample([row])[0]).ToList();

        for (int rotation = 0; rotation < rows.Length; rotation++)
        {
            int[] order = [.. Enumerable.Range(0, rows.Length).Select(place => (place + rotation) % rows.Length)];
            var together = sampler.Sample([.. order.Select(index => rows[index])]);
            foreach (var (place, index) in order.Index())
                AssertSameBits(alone[index], together[place], $"row {index} at place {place}");
        }
    }

    [Fact]
    public void Any_rows_give_the_same_bits_alone_and_together()
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);

        SamplingRows.Any.Array[2, 8].Sample(rows =>
        {
            var together = sampler.Sample(rows);
            int last = rows.Length - 1;
            AssertSameBits(sampler.Sample([rows[last]])[0], together[last], "the last row");
        }, iter: 20, threads: 1);
    }

    /// <summary>Lengths at which libtorch's attention rounds by the thread that a row falls to.</summary>
    [Theory]
    [InlineData(9)]
    [InlineData(11)]
    [InlineData(13)]
    [InlineData(15)]
    [InlineData(40)]
    public void Rows_of_equal_length_give_the_same_bits_alone_and_together(int length)
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        SamplingRow[] rows = [.. Enumerable.Range(0, 5).Select(row =>
            SamplingRows.Generation(length - 4, new() { Steps = 4 }, row, row + 1, 30 - row, 2 * row))];

        var together = sampler.Sample(rows);

        foreach (var (index, row) in rows.Index())
            AssertSameBits(sampler.Sample([row])[0], together[index], $"row {index}");
    }

    /// <summary>Ten rows that agree in nothing: texts, lengths, masks, steps, blocks, temperatures, guidance, caches, seeds.</summary>
    internal static SamplingRow[] Rows(TokenSet? forbidden) =>
    [
        SamplingRows.Generation(9, new(), 1, 2, 3),
        SamplingRows.Generation(16, new() { Steps = 5, Temperature = 0.8, Seed = 11 }, 30, 31, 32, 33, 34, 7, 8, 9),
        SamplingRows.Generation(1, new() { Temperature = 1.5, Seed = 12 }, [.. Enumerable.Range(0, 36), 5, 6, 7]),
        SamplingRows.Generation(12, new() { BlockLength = 4, CfgScale = 1.5 }, 20, 21),
        SamplingRows.Generation(20, new() { Temperature = 1, TopP = 0.7, Seed = 13, DefersEos = true }, 14),
        SamplingRows.Generation(
            7, new() { Temperature = 0.5, CfgScale = 0.5, Remasking = Remasking.Random, Seed = 14, ForbidsEos = true }, 8, 8, 8, 8, 8),
        new([TinyModel.Mask, 4, TinyModel.Mask, TinyModel.Mask, 17, TinyModel.Mask], new() { Forbidden = forbidden, Steps = 2 }, [0, 2, 5]),
        SamplingRows.Generation(24, new() { BlockLength = 8, Cache = CachePolicy.Prefix, CfgScale = 1 }, 1, 2, 3, 4, 5),
        SamplingRows.Generation(
            30, new() { BlockLength = 6, Cache = CachePolicy.Dual, CacheVicinity = 2, Threshold = 0.05, Temperature = 0.4, Seed = 16 }, 9),
        SamplingRows.Generation(30, new() { Steps = 30, BlockLength = 1, Temperature = 0.3, Seed = 15 }),
    ];

    private static void AssertSameBits(SampledRow expected, SampledRow actual, string row)
    {
        Assert.True(expected.Tokens.SequenceEqual(actual.Tokens), $"tokens of {row}");
        Assert.True(expected.Confidence.SequenceEqual(actual.Confidence), $"confidence of {row}");
        Assert.Equal(expected.NumForwards, actual.NumForwards);
    }
}
