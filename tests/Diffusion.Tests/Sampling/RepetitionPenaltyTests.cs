using CsCheck;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>Penalties for tokens that a row has generated before, on networks whose logits are known.</summary>
public sealed class RepetitionPenaltyTests
{
    private const int Mask = TinyModel.Mask;

    [Fact]
    public void A_token_costs_its_count_and_its_presence_among_the_tokens_committed_before() =>
        (from logits in Gen.Double[-2, 2].Array[2, 8]
         from frequency in Gen.Double[-2, 2]
         from presence in Gen.Double[-2, 2]
         from numMasks in Gen.Int[1, 12]
         select (Logits: logits, Frequency: frequency, Presence: presence, NumMasks: numMasks)).Sample(given =>
        {
            using var scope = NewDisposeScope();
            using var model = TinyModel.Predicting(given.Logits);
            using var sampler = new Sampler(model);
            double sum = given.Logits.Sum(Math.Exp);
            var row = SamplingRows.Generation(given.NumMasks, new()
            {
                FrequencyPenalty = given.Frequency,
                PresencePenalty = given.Presence,
                BlockLength = 1,
            }, 0, 1, 0);

            var sampled = sampler.Sample([row])[0];

            int[] counts = new int[given.Logits.Length];
            foreach (var (token, confidence) in sampled.Tokens.Zip(sampled.Confidence).Skip(3))
            {
                double best = Enumerable.Range(0, counts.Length).Max(Penalized);
                Assert.Equal(best, Penalized(token), 1e-4);
                // Confidence stays the model's own probability.
                Assert.Equal(Math.Exp(given.Logits[token]) / sum, confidence, 1e-4);
                counts[token]++;
            }

            double Penalized(int token) =>
                given.Logits[token] - (given.Frequency * counts[token]) - (counts[token] > 0 ? given.Presence : 0);
        }, iter: 40, threads: 1);

    [Fact]
    public void Tokens_of_one_step_and_ends_of_text_do_not_count()
    {
        using var model = TinyModel.Predicting(3, 2.5, 2);
        using var ending = TinyModel.Biased((TinyModel.Eos, 5));
        using var sampler = new Sampler(model);
        using var ender = new Sampler(ending);
        var options = new SamplingOptions { FrequencyPenalty = 2, PresencePenalty = 2 };

        var oneStep = sampler.Sample([SamplingRows.Generation(4, options with { Steps = 1 })])[0];
        var twoSteps = sampler.Sample([SamplingRows.Generation(4, options with { Steps = 2 })])[0];
        var ended = ender.Sample([SamplingRows.Generation(6, options with { BlockLength = 1 }, 1)])[0];

        Assert.Equal([0, 0, 0, 0], oneStep.Tokens);
        Assert.Equal([0, 0, 1, 1], twoSteps.Tokens.Order());
        Assert.All(ended.Tokens[1..], token => Assert.Equal(TinyModel.Eos, token));
    }

    [Fact]
    public void A_token_that_may_be_edited_is_no_repetition_of_itself()
    {
        var config = TinyModel.Config with { Family = ModelFamilies.LLaDA2, BlockLength = 4 };
        using var model = TinyModel.Predicting(config, 3, 2.5, 2);
        using var sampler = new Sampler(model);
        var options = new SamplingOptions { FrequencyPenalty = 2, EditingThreshold = 0 };

        var single = sampler.Sample([new SamplingRow([5, 6, 7, Mask], options) { IsTraced = true }])[0];
        var pair = sampler.Sample([new SamplingRow([5, 6, Mask, Mask], options with { Steps = 1 }) { IsTraced = true }])[0];

        Assert.Equal(0, single.Tokens[3]);
        Assert.Empty(single.Trace!.TakenBack);
        // Both take the best at once, and then each sees the other.
        Assert.Equal([0, 0], pair.Trace!.TakenBack.Take(2).Select(taken => taken.Token));
    }

    [Fact]
    public void Penalties_of_neighbours_change_no_bit_and_neither_does_a_penalty_of_0()
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        var penalized = SamplingRows.Any.Select(row =>
            row with { Options = row.Options with { FrequencyPenalty = 1.5, PresencePenalty = -0.5 } });

        Gen.Select(SamplingRows.Any, penalized).Sample((row, neighbour) =>
        {
            var zero = row with { Options = row.Options with { FrequencyPenalty = -0.0, PresencePenalty = 0 } };
            var (alone, other) = (sampler.Sample([row])[0], sampler.Sample([neighbour])[0]);

            var together = sampler.Sample([neighbour, zero, neighbour]);

            Assert.Equal(alone.Tokens, together[1].Tokens);
            Assert.Equal(alone.Confidence, together[1].Confidence);
            Assert.All([together[0], together[2]], result => Assert.Equal(other.Tokens, result.Tokens));
            Assert.All([together[0], together[2]], result => Assert.Equal(other.Confidence, result.Confidence));
        }, iter: 15, threads: 1);
    }

    [Theory]
    [InlineData(2.01)]
    [InlineData(-2.01)]
    [InlineData(double.NaN)]
    public void A_penalty_beyond_2_is_refused_by_name(double value)
    {
        Assert.Equal("frequency_penalty", new SamplingOptions { FrequencyPenalty = value }.Validate().Single().Parameter);
        Assert.Equal("presence_penalty", new SamplingOptions { PresencePenalty = value }.Validate().Single().Parameter);
    }
}
