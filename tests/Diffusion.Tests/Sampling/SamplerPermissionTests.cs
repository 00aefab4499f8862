using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>What is never predicted, however likely.</summary>
public sealed class SamplerPermissionTests
{
    private const int BeyondVocabulary = 41;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Mask_and_ids_that_stand_for_nothing_are_never_predicted(double temperature)
    {
        using var model = TinyModel.Biased((TinyModel.Mask, 50), (BeyondVocabulary, 60), (30, 40), (5, 30));
        using var sampler = new Sampler(model, numTokens: 30);

        var sampled = sampler.Sample([SamplingRows.Generation(16, new() { Temperature = temperature }, 1, 2)])[0];

        Assert.All(sampled.Tokens[2..], token => Assert.Equal(5, token));
        Assert.All(sampled.Confidence[2..], confidence => Assert.InRange(confidence, 0, 1e-9));
    }

    [Fact]
    public void Without_a_tokenizers_say_the_vocabulary_is_the_bound()
    {
        using var model = TinyModel.Biased((BeyondVocabulary, 60), (TinyModel.Mask, 50), (30, 40));
        using var sampler = new Sampler(model);

        var sampled = sampler.Sample([SamplingRows.Generation(4)])[0];

        Assert.Equal([30, 30, 30, 30], sampled.Tokens);
    }

    [Fact]
    public void Mask_may_lie_beyond_the_vocabulary_whatever_the_tokenizer_counts()
    {
        using var model = TinyModel.Random(TinyModel.Config with { MaskTokenId = BeyondVocabulary });
        using var sampler = new Sampler(model, numTokens: BeyondVocabulary + 1);

        var sampled = sampler.Sample([new SamplingRow([1, BeyondVocabulary, BeyondVocabulary], new())])[0];

        Assert.All(sampled.Tokens, token => Assert.InRange(token, 0, TinyModel.Config.VocabularySize - 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Forbidden_tokens_are_not_predicted_and_the_neighbour_may_have_them(double temperature)
    {
        using var model = TinyModel.Biased((5, 60), (6, 50), (7, 40));
        using var sampler = new Sampler(model);
        using var forbidden = new TokenSet([5, 6, 5]);

        var sampled = sampler.Sample([
            SamplingRows.Generation(6, new() { Temperature = temperature }),
            SamplingRows.Generation(6, new() { Temperature = temperature, Forbidden = forbidden }),
            SamplingRows.Generation(6, new() { Temperature = temperature })]);

        Assert.Equal([5, 7, 5], sampled.Select(row => row.Tokens.Distinct().Single()));
    }

    [Fact]
    public void Confidence_is_the_models_own_share_of_all_tokens()
    {
        using var model = TinyModel.Predicting(Math.Log(0.5), Math.Log(0.3), Math.Log(0.2));
        using var sampler = new Sampler(model);
        using var forbidden = new TokenSet([0]);

        var sampled = sampler.Sample([SamplingRows.Generation(3), SamplingRows.Generation(3, new() { Forbidden = forbidden })]);

        Assert.All(sampled[0].Confidence, confidence => Assert.Equal(0.5, confidence, 1e-5));
        Assert.All(sampled[1].Confidence, confidence => Assert.Equal(0.3, confidence, 1e-5));
    }

    [Fact]
    public void Set_of_tokens_knows_its_members()
    {
        using var tokens = new TokenSet([9, 3, 9]);
        using var empty = new TokenSet([]);

        Assert.True(tokens.Contains(3) && tokens.Contains(9) && !tokens.Contains(4));
        Assert.True(empty.IsEmpty && !tokens.IsEmpty);
        Assert.Equal([3L, 9L], tokens.On(CPU).data<long>().ToArray());
    }
}
