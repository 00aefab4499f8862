using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>Forbidding and deferring the ends of text and of turn.</summary>
public sealed class SamplerEndTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Forbidden_end_of_text_is_never_predicted_and_leaves_its_share_to_the_others(double temperature)
    {
        using var model = Ending(endOfText: 0.6, endOfTurn: 0.3, text: 0.1);
        using var sampler = new Sampler(model);

        var free = sampler.Sample([SamplingRows.Generation(12, new() { Temperature = temperature })])[0];
        var forbidding = sampler.Sample([SamplingRows.Generation(12, new() { Temperature = temperature, ForbidsEos = true })])[0];

        Assert.Contains(TinyModel.Eos, free.Tokens);
        Assert.DoesNotContain(TinyModel.Eos, forbidding.Tokens);
        Assert.Contains(TinyModel.Eot, forbidding.Tokens);
        foreach (var (token, confidence) in forbidding.Tokens.Zip(forbidding.Confidence))
            Assert.Equal(token == TinyModel.Eot ? 0.75 : 0.25, confidence, 1e-5);
    }

    [Fact]
    public void Forbidding_the_end_in_one_row_leaves_it_to_its_neighbours()
    {
        using var model = Ending(endOfText: 0.6, endOfTurn: 0.3, text: 0.1);
        using var sampler = new Sampler(model);

        var sampled = sampler.Sample(
            [SamplingRows.Generation(3), SamplingRows.Generation(3, new() { ForbidsEos = true }), SamplingRows.Generation(3)]);

        Assert.Equal([TinyModel.Eos, TinyModel.Eot, TinyModel.Eos], sampled.Select(row => row.Tokens.Distinct().Single()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Deferred_ends_are_committed_last_when_tokens_are_drawn(ulong seed)
    {
        using var model = Ending(endOfText: 0.35, endOfTurn: 0.25, text: 0.4, numTexts: 8);
        using var sampler = new Sampler(model);
        var options = new SamplingOptions { Temperature = 1, Seed = seed };

        int[] eager = TokensInOrder(model, sampler, options with { Steps = 20 });
        int[] deferring = TokensInOrder(model, sampler, options with { Steps = 20, DefersEos = true });

        // Each step draws anew: text is kept as long as one of the masks left draws it.
        Assert.Contains(eager[..10], IsEnd);
        Assert.DoesNotContain(deferring[..10], IsEnd);
    }

    [Fact]
    public void Deferred_ends_of_one_step_are_the_last_of_its_ranking()
    {
        using var model = Ending(endOfText: 0.35, endOfTurn: 0.25, text: 0.4, numTexts: 8);
        using var sampler = new Sampler(model);
        var row = SamplingRows.Generation(20, new() { Temperature = 1, Seed = 9, Steps = 1, DefersEos = true });
        int[] drawn = sampler.Sample([row])[0].Tokens;
        int numText = drawn.Count(token => !IsEnd(token));
        Assert.InRange(numText, 1, 10);

        // In 20 masks and two steps, the first step keeps all text that it draws and ten tokens in all.
        using var recording = new Recording(model);
        sampler.Sample([recording.Watch(row with { Options = row.Options with { Steps = 2 } })]);

        int[] afterFirst = recording.Canvases[0][1];
        var expected = Enumerable.Range(0, 20).OrderBy(position => IsEnd(drawn[position])).Take(10).Order();
        Assert.Equal(expected, Enumerable.Range(0, 20).Where(position => afterFirst[position] != TinyModel.Mask));
    }

    [Fact]
    public void Deferred_ends_keep_the_models_probability_as_their_confidence()
    {
        using var model = Ending(endOfText: 0.6, endOfTurn: 0.3, text: 0.1);
        using var sampler = new Sampler(model);

        var sampled = sampler.Sample([SamplingRows.Generation(4, new() { DefersEos = true })])[0];

        Assert.All(sampled.Tokens, token => Assert.Equal(TinyModel.Eos, token));
        Assert.All(sampled.Confidence, confidence => Assert.Equal(0.6, confidence, 1e-5));
    }

    private static bool IsEnd(int token) => token is TinyModel.Eos or TinyModel.Eot;

    private static int[] TokensInOrder(MaskPredictor model, Sampler sampler, SamplingOptions options)
    {
        using var recording = new Recording(model);
        var sampled = sampler.Sample([recording.Watch(SamplingRows.Generation(20, options))])[0];
        return [.. recording.Commits().Select(commit => sampled.Tokens[commit.Single()])];
    }

    /// <summary>Predicts the ends and some tokens of text, from 0 on, with these probabilities everywhere.</summary>
    private static MaskPredictor Ending(double endOfText, double endOfTurn, double text, int numTexts = 1)
    {
        double[] logits = new double[TinyModel.Eot + 1];
        Array.Fill(logits, -1000);
        Array.Fill(logits, Math.Log(text / numTexts), 0, numTexts);
        (logits[TinyModel.Eos], logits[TinyModel.Eot]) = (Math.Log(endOfText), Math.Log(endOfTurn));
        return TinyModel.Predicting(logits);
    }
}
