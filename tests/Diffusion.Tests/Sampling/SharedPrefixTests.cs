using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>Rows that begin alike share the kept blocks of their beginning, with the same bits as without.</summary>
public sealed class SharedPrefixTests : IDisposable
{
    private const long Plenty = 1 << 24;

    private static readonly LLaDAConfig s_config = TinyModel.Config with { Family = ModelFamilies.Sdar, BlockLength = 4 };
    private static readonly int[] s_prefix = [.. Enumerable.Range(1, 18)];

    private readonly MaskPredictor _model = TinyModel.Random(s_config);

    public void Dispose() => _model.Dispose();

    [Fact]
    public async Task Rows_that_begin_alike_compute_their_beginning_once_with_the_same_bits()
    {
        SamplingRow[] rows = [.. Enumerable.Range(0, 6).Select(line => Row([.. s_prefix, 20 + line, 21, 22 + line, 23]))];
        using var sampler = new Sampler(_model);
        using var engine = new SamplingEngine(_model, null, 4096, Plenty);

        var shared = await SampleAsync(engine, rows);

        foreach (var (row, sampled) in rows.Zip(shared))
        {
            var alone = sampler.Sample([row])[0];
            Assert.Equal(alone.Tokens, sampled.Tokens);
            Assert.Equal(alone.Confidence, sampled.Confidence);
            Assert.Equal(alone.NumForwards, sampled.NumForwards);
            Assert.Equal(alone.NumTokenForwards - sampled.NumReusedTokens, sampled.NumTokenForwards);
        }
        // Whole blocks of the common beginning: 18 tokens hold four.
        Assert.Equal([0, 16, 16, 16, 16, 16], shared.Select(sampled => sampled.NumReusedTokens));
    }

    [Fact]
    public async Task A_later_row_reuses_what_an_earlier_one_computed()
    {
        using var engine = new SamplingEngine(_model, null, 4096, Plenty);
        await SampleAsync(engine, Row(s_prefix));

        var again = await SampleAsync(engine, Row(s_prefix), Row([.. s_prefix[..9], 30, 31, 32, 33]), Row([9, .. s_prefix]));

        Assert.Equal([16, 8, 0], again.Select(sampled => sampled.NumReusedTokens));
    }

    [Fact]
    public async Task Other_block_lengths_share_nothing()
    {
        using var engine = new SamplingEngine(_model, null, 4096, Plenty);
        await SampleAsync(engine, Row(s_prefix));

        var sampled = await SampleAsync(engine, Row(s_prefix) with { Options = new() { BlockLength = 8 } });

        Assert.Equal(0, sampled[0].NumReusedTokens);
    }

    [Fact]
    public async Task Rows_of_other_parties_share_nothing()
    {
        using var engine = new SamplingEngine(_model, null, 4096, Plenty);
        await RunAsync(engine, engine.SubmitAsync(Row(s_prefix), "one", CancellationToken.None));

        var other = await RunAsync(engine, engine.SubmitAsync(Row(s_prefix), "other", CancellationToken.None));
        var same = await RunAsync(engine, engine.SubmitAsync(Row(s_prefix), "one", CancellationToken.None));

        Assert.Equal([0, 16], [other[0].NumReusedTokens, same[0].NumReusedTokens]);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 4)]
    [InlineData(3, 12)]
    [InlineData(50, 16)]
    public async Task Memory_is_bounded_and_the_beginning_of_a_line_outlives_its_end(int numBlocks, int expected)
    {
        long bytesOfBlock = 2L * s_config.NumLayers * 4 * s_config.NumKeyValueHeads * s_config.HeadWidth * sizeof(float);
        using var engine = new SamplingEngine(_model, null, 4096, numBlocks * bytesOfBlock);
        await SampleAsync(engine, Row(s_prefix));

        var again = await SampleAsync(engine, Row(s_prefix));

        Assert.Equal(expected, again[0].NumReusedTokens);
    }

    [Fact]
    public async Task Blocks_used_long_ago_make_room()
    {
        long bytesOfBlock = 2L * s_config.NumLayers * 4 * s_config.NumKeyValueHeads * s_config.HeadWidth * sizeof(float);
        using var engine = new SamplingEngine(_model, null, 4096, 5 * bytesOfBlock);
        int[] other = [.. s_prefix[..4], .. Enumerable.Range(10, 8)];
        await SampleAsync(engine, Row(s_prefix));

        await SampleAsync(engine, Row(other));
        var again = await SampleAsync(engine, Row(s_prefix), Row(other));

        // Four blocks of the first row are kept. The second has its first one and adds two, which takes the last one of the first row.
        Assert.Equal([12, 12], again.Select(sampled => sampled.NumReusedTokens));
    }

    [Fact]
    public async Task Guided_rows_share_nothing()
    {
        using var engine = new SamplingEngine(_model, null, 4096, Plenty);
        var row = Row(s_prefix) with { Options = new() { CfgScale = 1 } };

        var sampled = await SampleAsync(engine, row, row);

        Assert.Equal([0, 0], sampled.Select(result => result.NumReusedTokens));
    }

    private static SamplingRow Row(int[] prompt) => SamplingRows.Generation(6, new(), prompt);

    private static Task<SampledRow[]> SampleAsync(SamplingEngine engine, params SamplingRow[] rows) =>
        RunAsync(engine, [.. rows.Select(row => engine.SubmitAsync(row))]);

    private static async Task<SampledRow[]> RunAsync(SamplingEngine engine, params Task<SampledRow>[] rows)
    {
        var running = Task.WhenAll(rows);
        while (!running.IsCompleted)
        {
            engine.Step();
            await Task.Yield();
        }
        return await running;
    }
}
