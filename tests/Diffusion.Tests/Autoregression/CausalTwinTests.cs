using LLaDA.Diffusion.Autoregression;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Training;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Autoregression;

public sealed class CausalTwinTests
{
    public static LLaDAConfig Config { get; } = TinyModel.Config with { IsCausal = true };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Prediction_depends_on_the_tokens_before_it_alone(int numKeyValueHeads)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = TinyModel.Random(Config with { NumKeyValueHeads = numKeyValueHeads });

        var first = model.call(TinyModel.Canvas(1, 2, 3, 4, 5));
        var other = model.call(TinyModel.Canvas(1, 2, 3, 9, 8));

        TensorAssert.Equal(first.narrow(1, 0, 3), other.narrow(1, 0, 3));
        Assert.True((first.narrow(1, 3, 2) - other.narrow(1, 3, 2)).abs().max().item<float>() > 1e-3);
    }

    [Fact]
    public void Last_prediction_of_a_causal_network_of_one_layer_is_that_of_the_full_one()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var causal = TinyModel.Random(Config with { NumLayers = 1 });
        using var full = TinyModel.Random(TinyModel.Config with { NumLayers = 1 });

        TensorAssert.Close(
            full.call(TinyModel.Canvas(1, 2, 3, 4)).select(1, 3), causal.call(TinyModel.Canvas(1, 2, 3, 4)).select(1, 3), 1e-4);
    }

    [Fact]
    public void Likelihoods_of_all_continuations_sum_to_one()
    {
        var config = Config with { EmbeddingSize = 40 };
        using var model = TinyModel.Random(config);
        AnsweredRow[] pairs = [.. Enumerable.Range(0, 40 * 40).Select(index => new AnsweredRow([3, 1], [index / 40, index % 40]))];

        double sum = new CausalLikelihood(model, 512).LogLikelihoods(pairs).Sum(Math.Exp);

        Assert.Equal(1, sum, 1e-4);
    }

    [Fact]
    public void Likelihood_of_a_row_does_not_depend_on_its_neighbours()
    {
        using var model = TinyModel.Random(Config);
        AnsweredRow[] rows = [new([1, 2], [3]), new([4], [5, 6, 7, 8, 9, 10]), new([1, 2, 3], [])];

        double[] together = new CausalLikelihood(model, 1000).LogLikelihoods(rows);

        foreach (var (row, expected) in rows.Zip(together))
            Assert.Equal(expected, new CausalLikelihood(model, 1).LogLikelihoods([row])[0], 1e-4);
        Assert.Equal(0, together[2]);
    }

    [Fact]
    public void Uniform_network_has_the_logarithm_of_its_vocabulary_for_each_token()
    {
        using var model = TinyModel.Predicting(Config, [.. Enumerable.Repeat(0.0, 8)]);

        Assert.Equal(-3 * Math.Log(8), new CausalLikelihood(model, 1000).LogLikelihoods([new([1], [2, 3, 4])])[0], 1e-4);
    }

    [Fact]
    public void Loss_of_next_tokens_is_the_mean_exact_negative_log_likelihood()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(Config);
        var batch = new TrainingBatch([[1, 2, 3, 4, 5], [6, 7, 8, 9, TinyModel.Eos]], [2, 0], [5, 4]);

        var given = NextTokens.Of(batch, LossReduction.Token);

        double[] exact = new CausalLikelihood(model, 1000).LogLikelihoods([new([1, 2], [3, 4, 5]), new([6], [7, 8, 9])]);
        Assert.Equal(-exact.Sum() / 6, DiffusionLoss.Evaluate(model, given), 1e-4);
        var byAnswer = NextTokens.Of(batch, LossReduction.Answer);
        Assert.Equal(-((exact[0] / 3) + (exact[1] / 3)) / 2, DiffusionLoss.Evaluate(model, byAnswer), 1e-4);
    }

    [Fact]
    public void Greedy_decoding_takes_the_most_probable_token_each_time_and_rows_of_any_lengths_go_together()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = TinyModel.Random(Config);
        IReadOnlyList<int>[] prompts = [[1, 2, 3], [4], [5, 6, 7]];
        var options = new CausalDecodingOptions { MaxTokens = 5, StopsAtEos = false };

        var together = new CausalDecoder(model).Complete(prompts, options);

        foreach (var (prompt, answer) in prompts.Zip(together))
        {
            List<int> row = [.. prompt];
            foreach (int token in answer)
            {
                var logits = model.call(TinyModel.Canvas([.. row.Select(id => (long)id)]))[0, row.Count - 1].narrow(
                    0, 0, Config.VocabularySize);
                logits[TinyModel.Mask] = float.NegativeInfinity;
                Assert.Equal(logits.argmax().item<long>(), token);
                row.Add(token);
            }
            Assert.Equal(prompt.Count + 5, row.Count);
        }
    }

    [Fact]
    public void Decoding_draws_by_the_temperature_obeys_what_is_forbidden_and_stops_at_the_end()
    {
        using var model = TinyModel.Predicting(Config, 0, Math.Log(3), 5);
        using var forbidden = new TokenSet([2]);
        var decoder = new CausalDecoder(model);
        IReadOnlyList<int>[] prompts = [.. Enumerable.Repeat((IReadOnlyList<int>)[1], 2000)];

        var drawn = decoder.Complete(prompts, new() { MaxTokens = 1, Temperature = 1, Forbidden = forbidden, Seed = 4 });

        Assert.Equal(0.75, drawn.Average(answer => answer[0] == 1 ? 1.0 : 0), 0.04);
        Assert.Equal(drawn, decoder.Complete(prompts, new() { MaxTokens = 1, Temperature = 1, Forbidden = forbidden, Seed = 4 }));

        using var ending = TinyModel.Predicting(Config with { EosTokenId = 1 }, 0, 9);
        Assert.Equal([1], new CausalDecoder(ending).Complete([[0]], new() { MaxTokens = 5 })[0]);
        Assert.Equal(63, new CausalDecoder(ending).Complete([[0]], new() { MaxTokens = 500, StopsAtEos = false })[0].Length);
    }

    [Fact]
    public void Twin_learns_by_the_same_loop_and_what_it_saves_is_causal()
    {
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random(Config);

        var log = TinyTraining.Run(
            model,
            folder.Path,
            TinyTraining.Options with { LearningRate = new LearningRateSchedule(1e-2, 1e-3, 2, 3, 80), RandomLengthRatio = 0.3 });

        Assert.True(log[^1].ValidationLoss < 0.3, $"{log[^1].ValidationLoss}");
        Assert.Equal([0, 1, 2, 3], new CausalDecoder(model).Complete([[2, 3, 4, 5]], new() { MaxTokens = 4 })[0]);
        Checkpoint.Save(model, Path.Combine(folder.Path, "saved"));
        using var loaded = Checkpoint.Load(Path.Combine(folder.Path, "saved"));
        Assert.True(loaded.Config.IsCausal);
    }

    [Fact]
    public void Twin_is_refused_where_a_diffusion_model_is_asked_for_and_the_other_way_round()
    {
        using var causal = TinyModel.Random(Config);
        using var diffusion = TinyModel.Random();

        Assert.Throws<ArgumentException>("model", () => new Sampler(causal));
        Assert.Throws<ArgumentException>("model", () => new LikelihoodEstimator(causal, 100));
        Assert.Throws<ArgumentException>("model", () => new CausalDecoder(diffusion));
        Assert.Throws<ArgumentException>("model", () => new CausalLikelihood(diffusion, 100));
        Assert.Throws<ArgumentException>("rows", () => new CausalLikelihood(causal, 100).LogLikelihoods([new([], [1])]));
        Assert.Throws<ArgumentException>("prompts", () => new CausalDecoder(causal).Complete([[]], new() { MaxTokens = 1 }));
    }
}
