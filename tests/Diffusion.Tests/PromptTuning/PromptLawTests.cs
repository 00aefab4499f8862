using LLaDA.Diffusion.Autoregression;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.PromptTuning;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Families;
using LLaDA.Diffusion.Tests.Sampling;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.PromptTuning;

/// <summary>Vectors that are the embeddings of tokens do, to the bit, what these tokens at the start of the row do.</summary>
public sealed class PromptLawTests
{
    /// <summary>Longer than a block of <see cref="FamilyModels"/> and no multiple of it.</summary>
    private static readonly int[] s_prompt = [7, 3, 30, 12, 3, 9];

    private static readonly int[] s_text = [5, 20, 11, TinyModel.Mask, 8, 2, TinyModel.Mask, TinyModel.Mask, 1, 4, TinyModel.Mask];

    public static TheoryData<string> Families => FamilyModels.Names;

    [Theory]
    [MemberData(nameof(Families))]
    public void Rows_are_sampled_as_behind_the_tokens(string family)
    {
        var config = FamilyModels.All[family];
        using var model = TinyModel.Random(config);
        using var prompted = TinyModel.Random(config);
        using var vectors = new PromptTuningWeights(prompted, Options);
        using var even = new TokenSet(Enumerable.Range(0, TinyModel.NumTextTokens / 2).Select(half => 2 * half));
        int count = s_prompt.Length;
        SamplingOptions[] settings = config.Family.IsBlockCausal
            ? [new(), new() { Steps = 2, Temperature = 0.8, Seed = 3 }, new() { CfgScale = 1 }]
            : [new(), new() { Temperature = 0.8, Seed = 3, Steps = 3 }, new() { CfgScale = 1 }];
        if (family == "LLaDA")
        {
            var cached = new SamplingOptions { BlockLength = 2 };
            settings = [.. settings, cached with { Cache = CachePolicy.Dual }, cached with { Cache = CachePolicy.Prefix }];
        }
        foreach (var options in settings)
        {
            List<string> shown = [], expectedShown = [];
            var row = new SamplingRow(s_text, options, [3, 6, 7])
            {
                IsTraced = true,
                NumTop = 2,
                ForbiddenAt = new Dictionary<int, TokenSet> { [3] = even },
                ForcedTokens = new Dictionary<int, int> { [6] = 13 },
                OnStep = step => shown.Add($"{step.SettledTo}: {string.Join(" ", step.Canvas)}"),
            };
            var behind = row with
            {
                Canvas = [.. s_prompt, .. s_text],
                Targets = [.. row.Targets!.Select(target => count + target)],
                ForcedTokens = new Dictionary<int, int> { [count + 6] = 13 },
                ForbiddenAt = new Dictionary<int, TokenSet> { [count + 3] = even },
                OnStep = step => expectedShown.Add($"{step.SettledTo - count}: {string.Join(" ", step.Canvas.Skip(count))}"),
            };

            var expected = Sample(model, behind);
            var sampled = Sample(prompted, row);

            Assert.Equal(expected.Tokens[count..], sampled.Tokens);
            Assert.Equal(expected.Confidence[count..], sampled.Confidence);
            Assert.Equal(
                expected.LogProbabilities!.Skip(count).Select(place => place?.LogProbability),
                sampled.LogProbabilities!.Select(place => place?.LogProbability));
            Assert.Equal(expected.Trace!.Steps.Skip(count), sampled.Trace!.Steps);
            Assert.Equal((expected.NumForwards, expected.NumTokenForwards), (sampled.NumForwards, sampled.NumTokenForwards));
            Assert.Equal(expectedShown, shown);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Likelihoods_are_those_behind_the_tokens(string family)
    {
        var config = FamilyModels.All[family];
        using var model = TinyModel.Random(config);
        using var prompted = TinyModel.Random(config);
        using var vectors = new PromptTuningWeights(prompted, Options);
        int[] prompt = [5, 20], answer = [8, 2, 9, 30, 11];
        foreach (var options in new LikelihoodOptions[] { new() { NumSamples = 6, Seed = 2 }, new() { NumSamples = 6, CfgScale = 0.5 } })
        {
            Assert.Equal(
                new LikelihoodEstimator(model, maxTokens: 64).LogLikelihood([.. s_prompt, .. prompt], answer, options),
                new LikelihoodEstimator(prompted, maxTokens: 64).LogLikelihood(prompt, answer, options));
        }
        Assert.Equal(
            LikelihoodEstimator.TokensOfSample(config, s_prompt.Length + prompt.Length, answer.Length),
            LikelihoodEstimator.TokensOfSample(prompted.Config, prompt.Length, answer.Length));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Loss_is_that_behind_the_tokens_and_its_gradient_reaches_the_vectors_alone(string family)
    {
        using var scope = NewDisposeScope();
        var config = FamilyModels.All[family];
        using var model = TinyModel.Random(config);
        using var prompted = TinyModel.Random(config);
        using var vectors = new PromptTuningWeights(prompted, Options);
        var (batch, behind) = Batches(config);

        var expected = DiffusionLoss.Backward(model, behind);
        var loss = DiffusionLoss.Backward(prompted, batch);
        var gradient = vectors.Parameters[0].Parameter.grad!.clone();
        vectors.Parameters[0].Parameter.grad!.zero_();
        DiffusionLoss.Backward(prompted, batch, recomputes: true);

        TensorAssert.Equal(expected, loss);
        TensorAssert.Close(gradient, vectors.Parameters[0].Parameter.grad!, 1e-6);
        Assert.All(prompted.parameters(), parameter => Assert.Null(parameter.grad));
        // No other token is 7, 30 or 12, so the gradient of their embeddings is that of their vectors.
        var embeddings = model.Parameter("wte.weight").grad!;
        foreach (int index in new[] { 0, 2, 3 }.Where(_ => !config.TiesWeights))
            TensorAssert.Close(embeddings[s_prompt[index]], gradient[index], 1e-6);
        Assert.True(gradient.abs().min(1).values.max().item<float>() > 0);
    }

    [Fact]
    public void An_autoregressive_twin_reads_them_before_its_rows()
    {
        var config = TinyModel.Config with { IsCausal = true };
        using var model = TinyModel.Random(config);
        using var prompted = TinyModel.Random(config);
        using var vectors = new PromptTuningWeights(prompted, Options);
        int[] prompt = [5, 20];
        var options = new CausalDecodingOptions { MaxTokens = 5, StopsAtEos = false };

        Assert.Equal(
            new CausalDecoder(model).Complete([[.. s_prompt, .. prompt]], options),
            new CausalDecoder(prompted).Complete([prompt], options));
        Assert.Equal(
            new CausalLikelihood(model, 64).LogLikelihoods([new AnsweredRow([.. s_prompt, .. prompt], [8, 2])]),
            new CausalLikelihood(prompted, 64).LogLikelihoods([new AnsweredRow(prompt, [8, 2])]));
    }

    [Fact]
    public async Task Rows_of_an_engine_share_the_vectors_keys_and_do_not_count_them_as_reused()
    {
        var config = FamilyModels.All["SDAR"];
        using var model = TinyModel.Random(config);
        using var vectors = new PromptTuningWeights(model, Options);
        using var engine = new SamplingEngine(model, numTokens: null, maxTokens: 256, prefixBytes: 1 << 20);
        var row = SamplingRows.Generation(4, new SamplingOptions(), [1, 2, 3, 4, 5, 6, 7]);

        async Task<SampledRow> SampleAsync()
        {
            var sampled = engine.SubmitAsync(row, CancellationToken.None);
            while (engine.HasWork)
                engine.Step();
            return await sampled;
        }
        var first = await SampleAsync();
        var second = await SampleAsync();

        // 6 vectors and 7 tokens have three whole blocks of 4.
        Assert.Equal((0, 6), (first.NumReusedTokens, second.NumReusedTokens));
        Assert.Equal(first.Tokens, second.Tokens);
    }

    [Fact]
    public void A_row_has_the_rest_of_the_context()
    {
        using var model = TinyModel.Random();
        using var vectors = new PromptTuningWeights(model, Options);
        int room = TinyModel.Config.MaxSequenceLength - s_prompt.Length;

        Sample(model, SamplingRows.Generation(room, new SamplingOptions { Steps = 1 }));

        string error = Assert.Throws<ArgumentException>(() => Sample(model, SamplingRows.Generation(room + 1))).Message;
        Assert.Contains($"A canvas of {room + 1} tokens does not fit; the model takes 1 to {room}", error, StringComparison.Ordinal);
        Assert.Equal(
            SamplingSize.TokenForwards(s_prompt.Length + 10, 4, new SamplingOptions(), TinyModel.Config),
            SamplingSize.TokenForwards(10, 4, new SamplingOptions(), model.Config));
    }

    private static PromptTuningOptions Options => new() { NumVirtualTokens = s_prompt.Length, InitialTokens = s_prompt };

    private static SampledRow Sample(MaskPredictor model, SamplingRow row)
    {
        using var sampler = new Sampler(model);
        return sampler.Sample([row])[0];
    }

    /// <summary>
    /// A noised batch, and the same with the prompt in front of each row; with padding and block diffusion where it applies.
    /// </summary>
    private static (NoisedBatch Batch, NoisedBatch Behind) Batches(LLaDAConfig config)
    {
        int[][] rows = [.. Enumerable.Range(0, 3).Select(row => Enumerable.Range(13 + row, 10).ToArray())];
        int[] prompts = [2, 3, 0], ends = [10, 8, 10];
        var clean = new TrainingBatch(rows, prompts, ends);
        var objective = DiffusionObjective.Of(config);
        var batch = ForwardProcess.Noise(clean, TinyModel.Mask, new CounterRandom(2), 0, objective: objective)
            .Weigh(prompts, LossReduction.Token, objective);
        int count = s_prompt.Length, length = count + batch.Length;
        var behind = new NoisedBatch(
            [.. batch.Tokens.Chunk(batch.Length).SelectMany(row => s_prompt.Select(token => (long)token).Concat(row))], 3, length,
            [.. batch.Masked.Select(token => token with
            {
                Position = count + token.Position, Index = (token.Row * length) + count + token.Position,
            })])
        {
            Ends = [.. ends.Select(end => count + end)],
            Weights = batch.Weights,
        };
        return objective.IsBlockDiffusion
            ? (batch.WithClean(rows), behind.WithClean([.. rows.Select(row => (int[])[.. s_prompt, .. row])]))
            : (batch, behind);
    }
}
