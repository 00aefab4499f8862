using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Families;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>What a denoising step asks of libtorch.</summary>
public sealed class DenoiserTests
{
    private const int CallsPerLayer = 12, Layers = 2, MoreLayers = 6;

    public static TheoryData<string, CachePolicy> Steps => new()
    {
        { "LLaDA", CachePolicy.None },
        { "LLaDA", CachePolicy.Prefix },
        { "LLaDA", CachePolicy.Dual },
        { "Dream", CachePolicy.None },
        { "SDAR", CachePolicy.None },
        { "LLaDA-MoE", CachePolicy.Dual },
        { "LLaDA2", CachePolicy.None },
    };

    /// <summary>Every call of libtorch from here makes a tensor at least, so the tensors that are made bound the calls.</summary>
    [Theory]
    [MemberData(nameof(Steps))]
    public void Calls_of_a_step_depend_on_its_layers_alone_and_not_on_its_rows(string family, CachePolicy cache)
    {
        long one = NumMade(family, cache, Layers, numRows: 1), deep = NumMade(family, cache, MoreLayers, numRows: 1);

        Assert.Equal(one, NumMade(family, cache, Layers, numRows: 8));
        Assert.Equal(deep, NumMade(family, cache, MoreLayers, numRows: 8));
        Assert.InRange((deep - one) / (MoreLayers - Layers), 1, CallsPerLayer);
    }

    [Fact]
    public void Logits_of_a_few_places_exist_at_a_time_and_change_no_bit()
    {
        const int placesAtOnce = 16;
        var config = TinyModel.Config with { ModelWidth = 96, FeedForwardWidth = 256, EmbeddingSize = 517 };
        using var model = TinyModel.Random(config, seed: 2);
        using var forbidden = new TokenSet(Enumerable.Range(0, 20));
        SamplingRow[] rows = [
            .. SamplerBatchTests.Rows(forbidden),
            SamplingRows.Generation(50, new() { Steps = 3, FrequencyPenalty = 1.5, PresencePenalty = 0.5 }, 1, 2) with { NumTop = 3 },
            SamplingRows.Generation(40, new() { Steps = 5, CfgScale = 1, Temperature = 0.5 }, 1, 2) with { NumTop = 2 }];
        List<long> places = [];
        var head = (nn.Module<Tensor, Tensor>)model.named_children().Single(child => child.name == "ff_out").module;
        var hook = head.register_forward_pre_hook((_, hidden) =>
        {
            places.Add(hidden.shape[0]);
            return hidden;
        });

        var whole = Sample(model, rows, placesAtOnce: null);
        Assert.True(places.Max() > placesAtOnce);
        places.Clear();
        var inPieces = Sample(model, rows, placesAtOnce);

        hook.remove();

        Assert.Equal(placesAtOnce, places.Max());
        foreach (var (expected, actual) in whole.Zip(inPieces))
        {
            Assert.Equal(expected.Tokens, actual.Tokens);
            Assert.Equal(expected.Confidence, actual.Confidence);
            Assert.Equal(Top(expected), Top(actual));
        }

        static IEnumerable<TokenLogProbability> Top(SampledRow row) => (row.LogProbabilities ?? []).SelectMany(token => token?.Top ?? []);
    }

    /// <summary>Tensors that the second step of rows makes, when tables and caches exist.</summary>
    private static long NumMade(string family, CachePolicy cache, int numLayers, int numRows)
    {
        using var model = TinyModel.Random(FamilyModels.All[family] with { NumLayers = numLayers });
        using var denoiser = new Denoiser(model, numTokens: null);
        var options = new SamplingOptions { BlockLength = FamilyModels.BlockLength * 2, Cache = cache };
        if (family == "Dream")
            options = new SamplingOptions { Steps = 16, Remasking = Remasking.MaskgitPlus };
        List<DenoisingRow> rows = [.. Enumerable.Range(0, numRows).Select(row =>
            DenoisingRow.Create(SamplingRows.Generation(16, options, row, 1, 2, 3, 4), model.Config))];
        long before = 0;
        for (int step = 0; step < 2; step++)
        {
            before = LiveTensors.NumMade;
            denoiser.Step(rows, static (_, exception) => throw exception);
        }
        long made = LiveTensors.NumMade - before;
        rows.ForEach(row => row.Dispose());
        return made;
    }

    private static SampledRow[] Sample(MaskPredictor model, SamplingRow[] rows, int? placesAtOnce)
    {
        using var denoiser = new Denoiser(model, numTokens: null, placesAtOnce);
        List<DenoisingRow> all = [.. rows.Select(row => DenoisingRow.Create(row, model.Config))];
        while (all.Where(row => !row.IsDone).ToList() is { Count: > 0 } active)
            denoiser.Step(active, static (_, exception) => throw exception);
        all.ForEach(row => row.Dispose());
        return [.. all.Select(row => row.ToSampled())];
    }
}
