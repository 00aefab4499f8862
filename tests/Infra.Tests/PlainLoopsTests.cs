using LLaDA.Batch.Benchmarks.Devices;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>The loops that the sampler is timed against on a card compute what the sampler computes.</summary>
public sealed class PlainLoopsTests
{
    private const int PromptLength = 9, NumNew = 16, BlockLength = 8, NumRows = 3;

    private static readonly LLaDAConfig s_config = DeviceModel.Small with
    {
        ModelWidth = 32, NumLayers = 2, FeedForwardWidth = 48, NumKeyValueHeads = 2, VocabularySize = 64, EmbeddingSize = 64,
        MaskTokenId = 63, EosTokenId = 62, PadTokenId = 62,
    };

    [Fact]
    public void Official_loop_gives_the_samplers_tokens() => AssertEqual(PlainLoops.Official, CachePolicy.None);

    [Fact]
    public void Loop_with_the_dual_cache_gives_the_samplers_tokens() => AssertEqual(PlainLoops.DualCache, CachePolicy.Dual);

    private static void AssertEqual(Func<PlainNetwork, Tensor, int, int, Tensor> loop, CachePolicy cache)
    {
        using var scope = NewDisposeScope();
        using var model = DeviceModel.Create(s_config, CPU, ScalarType.Float32);
        using var network = new PlainNetwork(model);
        using var sampler = new Sampler(model);
        var random = new Random(1);
        int[][] prompts = [.. Enumerable.Range(0, NumRows)
            .Select(_ => Enumerable.Range(0, PromptLength).Select(_ => random.Next(s_config.EosTokenId)).ToArray())];

        var looped = loop(
            network, tensor([.. prompts.SelectMany(prompt => prompt.Select(token => (long)token))], [NumRows, PromptLength]), NumNew,
            BlockLength);
        var sampled = sampler.Sample([.. prompts.Select(prompt => new SamplingRow(
            [.. prompt, .. Enumerable.Repeat(s_config.MaskTokenId, NumNew)],
            new SamplingOptions { BlockLength = BlockLength, Cache = cache }))]);

        for (int row = 0; row < NumRows; row++)
            Assert.Equal(sampled[row].Tokens.Select(token => (long)token), looped[row].data<long>().ToArray());
    }
}
