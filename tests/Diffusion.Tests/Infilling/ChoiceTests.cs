using System.Collections.Immutable;
using System.Text.Json;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Text;
using LLaDA.Diffusion.Text;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Infilling;

/// <summary>Gaps that are filled with one of several given texts.</summary>
public sealed class ChoiceTests : IDisposable
{
    private const int Context = 64;

    private static readonly LLaDATokenizer s_tokenizer = TinyTokenizer.Instance;

    private static readonly LLaDAConfig s_config = TinyModel.Config with
    {
        VocabularySize = s_tokenizer.NumTokens,
        EmbeddingSize = s_tokenizer.NumTokens,
        MaxSequenceLength = Context,
        MaskTokenId = s_tokenizer.MaskId!.Value,
        EosTokenId = s_tokenizer.EndOfTextId,
        PadTokenId = s_tokenizer.EndOfTextId,
        EotTokenId = s_tokenizer.EndOfTurnId,
    };

    private static readonly string[] s_choices = ["the word", "reader", "x", "12 days", "wrote it's"];

    private readonly MaskPredictor _model = TinyModel.Random(s_config);
    private readonly Sampler _sampler;
    private readonly Infiller _infiller;

    public ChoiceTests()
    {
        _sampler = new Sampler(_model, s_tokenizer.NumTokens);
        _infiller = new Infiller(_sampler, s_tokenizer);
    }

    public void Dispose()
    {
        _infiller.Dispose();
        _sampler.Dispose();
        _model.Dispose();
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(2UL)]
    public void The_most_probable_choice_is_the_one_of_a_score_by_hand(ulong seed)
    {
        const int numSamples = 7;
        var options = new InfillOptions
        {
            Choices = Choices((0, s_choices)),
            ChoiceSamples = numSamples,
            Sampling = new() { Seed = seed },
        };
        int[] behind = [.. s_tokenizer.Encode(" was read."), s_tokenizer.EndOfTextId];
        double[] expected = [.. s_choices.Select(choice => Score(
            [s_tokenizer.BeginningOfTextId, .. s_tokenizer.Encode("In the beginning")],
            [.. s_tokenizer.Encode(" " + choice)], behind, numSamples, seed))];

        var span = _infiller.Fill("In the beginning [MASK] was read.", options).Spans.Single();

        Assert.All(expected.Zip(span.Choice!.LogLikelihoods), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        int best = Array.IndexOf(expected, expected.Max());
        Assert.Equal((best, " " + s_choices[best]), (span.Choice.Index, span.Text));
        Assert.Equal(s_tokenizer.Encode(span.Text), span.Tokens);
        double sum = expected.Sum(Math.Exp);
        Assert.All(expected.Zip(span.Choice.Probabilities), pair => Assert.Equal(Math.Exp(pair.First) / sum, pair.Second, 1e-4));
        Assert.Equal(1, span.Choice.Probabilities.Sum(), 1e-12);
        Assert.Equal(Math.Exp(expected[best] / span.Tokens.Count), span.Confidence, 1e-4);
    }

    [Fact]
    public async Task The_estimate_is_that_of_the_likelihood_of_an_answer_where_nothing_stands_behind()
    {
        var estimator = new LikelihoodEstimator(_model, maxTokens: 512);
        int[] before = [5, 6, 7], text = [8, 9, 10, 11];
        var scores = new ChoiceScores(before, [], s_config.MaskTokenId, Context, numSamples: 9, seed: 4);

        double score = (await scores.FindAsync([text], rows => Task.FromResult(_sampler.Sample(rows))))[0];

        Assert.Equal(estimator.LogLikelihood(before, text, new() { NumSamples = 9, Seed = 4 }), score, 1e-4);
    }

    [Fact]
    public async Task Gaps_are_decided_from_left_to_right_and_the_others_are_filled_behind_them()
    {
        List<SamplingRow> asked = [];
        var options = new InfillOptions { Choices = Choices((2, ["x", "y"]), (0, ["the word", "a"])), ChoiceSamples = 2 };

        var filled = await FillAsync("[MASK] b [MASK:3] c [MASK] d [MASK]", options, asked);

        var scored = asked.TakeWhile(row => row.NumTop == 0).ToList();
        int first = NumSamples("the word") + NumSamples("a");
        Assert.Equal(first + NumSamples(" x") + NumSamples(" y"), scored.Count);
        // The first gap was masked with the others masked too; at the second one it is text.
        Assert.All(scored[..first], row => Assert.True(NumMasks(row) > row.Targets!.Count));
        int[] made = [.. s_tokenizer.Encode(filled.Spans[0].Text)];
        Assert.All(scored[first..], row => Assert.Equal(made, row.Canvas.Skip(1).Take(made.Length)));
        Assert.All(scored[first..], row => Assert.Equal(3 + 2, NumMasks(row) - row.Targets!.Count));
        // What is sampled at the end has both choices as text, and their masks are none of its targets.
        Assert.Equal(asked[^1].Targets!.Count, NumMasks(asked[^1]));
        Assert.Equal(3 + filled.Spans[3].Tokens.Count, asked[^1].Targets!.Count);
        Assert.StartsWith(filled.Spans[0].Text + " b", filled.Text, StringComparison.Ordinal);
        Assert.Equal([true, false, true, false], filled.Spans.Select(span => span.Choice is not null));
        Assert.Equal(filled.Spans.Sum(span => span.Tokens.Count), filled.NumFilledTokens);

        static int NumSamples(string choice) => ChoiceScores.NumSamples(s_tokenizer.Encode(choice).Count, 2);

        static int NumMasks(SamplingRow row) => row.Canvas.Count(token => token == s_config.MaskTokenId);
    }

    [Fact]
    public void A_text_whose_gaps_all_have_choices_is_filled_without_sampling()
    {
        var options = new InfillOptions { Choices = Choices((0, ["a", "b"]), (1, ["", "c"])) };
        var refused = Assert.Throws<InfillException>(() => _infiller.Fill("[MASK] x[MASK].", options));
        Assert.Equal("choices.1[0]", refused.Parameter);

        var filled = _infiller.Fill("[MASK] x[MASK].", options with { Choices = Choices((0, ["a", "b"]), (1, ["🙂", "c"])) });

        Assert.Contains(filled.Text, new[] { "a x🙂.", "a xc.", "b x🙂.", "b xc." });
    }

    [Fact]
    public async Task A_fill_resumes_behind_the_choices_that_were_made()
    {
        using var nonText = Infiller.NonText(s_tokenizer, s_config);
        var options = new InfillOptions
        {
            Choices = Choices((0, s_choices), (2, ["was", "wrote", "is"])),
            Sampling = new() { Temperature = 1, Seed = 3, Forbidden = nonText },
            NumTop = 1,
        };
        var document = new InfillDocument(
            GapText.Parse($"a [MASK] b [MASK:2] c [MASK] d [MASK]{TinyTokenizer.Corpus}[MASK:3]"), s_tokenizer, s_config, options);
        using var lengths = new LengthSearch(Sample);
        List<InfillState> states = [InfillState.None];
        var whole = await Infiller.FillAsync(
            document, Sample, lengths, null, null, InfillState.None, states.Add, CancellationToken.None);

        Assert.Equal(1 + 2 + 1 + 2, states.Count);
        double[] shares = [.. states.Select(document.ShareOf)];
        Assert.Equal(shares.Distinct().Order(), shares);
        Assert.Equal((0, 1), (shares[0], shares[^1]));
        foreach (var state in states)
        {
            var stored = JsonSerializer.Deserialize<InfillState>(JsonSerializer.Serialize(state))!;
            Assert.True(document.Accepts(stored));
            var resumed = await Infiller.FillAsync(document, Sample, lengths, null, null, stored, null, CancellationToken.None);
            Assert.Equal(JsonSerializer.Serialize(whole), JsonSerializer.Serialize(resumed));
        }
        ChosenText[] strange = [new(5, [.. s_choices.Select(_ => 0.0)]), new(0, [0])];
        Assert.All(strange, chosen => Assert.False(
            document.Accepts(InfillState.None with { Choices = ImmutableDictionary<int, ChosenText>.Empty.Add(0, chosen) })));
        Assert.False(document.Accepts(states[2] with { Choices = states[2].Choices.Remove(0) }));

        Task<IReadOnlyList<SampledRow>> Sample(IReadOnlyList<SamplingRow> rows) => Task.FromResult(_sampler.Sample(rows));
    }

    [Fact]
    public async Task Far_text_is_left_out_of_a_long_document()
    {
        List<SamplingRow> asked = [];
        var filled = await FillAsync(
            $"{TinyTokenizer.Corpus}{TinyTokenizer.Corpus} [MASK] {TinyTokenizer.Corpus}",
            new() { Choices = Choices((0, s_choices)) },
            asked);

        Assert.All(asked, row => Assert.Equal(Context, row.Canvas.Count));
        Assert.Contains(filled.Spans[0].Text.TrimStart(), s_choices);
    }

    public static TheoryData<string, int, string[], string, string> Faults => new()
    {
        { "a [MASK]", 1, ["x", "y"], "invalid_value", "choices.1" },
        { "a [MASK]", -1, ["x", "y"], "invalid_value", "choices.-1" },
        { "a [MASK]", 0, [], "invalid_value", "choices.0" },
        { "a [MASK]", 0, ["x"], "invalid_value", "choices.0" },
        { "a [MASK]", 0, [.. Enumerable.Range(0, 65).Select(number => $"{number}")], "invalid_value", "choices.0" },
        { "a [MASK]", 0, ["x", " "], "invalid_value", "choices.0[1]" },
        { "a [MASK]", 0, ["x", "y", " x"], "invalid_value", "choices.0[2]" },
        { "a [MASK:2]", 0, ["x", "y"], "invalid_value", "choices.0" },
        { "a [MASK]", 0, ["x", TinyTokenizer.Corpus + TinyTokenizer.Corpus], "context_length_exceeded", "choices.0[1]" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Choices_that_make_no_sense_are_refused_by_name(string text, int gap, string[] choices, string code, string name)
    {
        var refusal = Assert.Throws<InfillException>(() => _infiller.Fill(text, new InfillOptions { Choices = Choices((gap, choices)) }));

        Assert.Equal((code, name), (refusal.Code, refusal.Parameter));
        Assert.StartsWith(name + " ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_does_not_go_together_is_refused()
    {
        var choices = new InfillOptions { Choices = Choices((0, ["x", "y"])) };
        var pattern = new Dictionary<int, GapPattern> { [0] = GapPattern.Word };
        Assert.Equal("invalid_parameter_combination", Refusal(choices with { Patterns = pattern }).Code);
        Assert.Equal("pattern.1", Refusal(new() { Patterns = new Dictionary<int, GapPattern> { [1] = GapPattern.Word } }).Parameter);
        Assert.Throws<ArgumentOutOfRangeException>(() => _infiller.Fill("a [MASK]", choices with { ChoiceSamples = 0 }));
        Assert.NotNull(_infiller.Fill("a [MASK]", choices with { Pattern = GapPattern.Digits }));

        var blocks = s_config with { Family = ModelFamilies.LLaDA2, BlockLength = 4 };
        var refused = Assert.Throws<InfillException>(() => new InfillDocument(GapText.Parse("a [MASK]"), s_tokenizer, blocks, choices));
        Assert.Equal(("unsupported_parameter", "choices"), (refused.Code, refused.Parameter));

        InfillException Refusal(InfillOptions options) => Assert.Throws<InfillException>(() => _infiller.Fill("a [MASK]", options));
    }

    private static Dictionary<int, IReadOnlyList<string>> Choices(params (int Gap, string[] Texts)[] choices) =>
        choices.ToDictionary(entry => entry.Gap, entry => (IReadOnlyList<string>)entry.Texts);

    private async Task<InfilledText> FillAsync(string text, InfillOptions options, List<SamplingRow> asked)
    {
        var document = new InfillDocument(GapText.Parse(text), s_tokenizer, s_config, options);
        using var lengths = new LengthSearch(Sample);
        return await Infiller.FillAsync(document, Sample, lengths, null, null, CancellationToken.None);

        Task<IReadOnlyList<SampledRow>> Sample(IReadOnlyList<SamplingRow> rows)
        {
            asked.AddRange(rows);
            return Task.FromResult(_sampler.Sample(rows));
        }
    }

    /// <summary>The estimate with a whole pass for each sample.</summary>
    private double Score(int[] before, int[] text, int[] behind, int numSamples, ulong seed)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        double sum = 0;
        bool[][] patterns = [.. AnswerMasks.Of([[.. Enumerable.Range(0, text.Length)]], numSamples, seed)];
        foreach (bool[] pattern in patterns)
        {
            long[] canvas = [.. before, .. text.Select((token, index) => pattern[index] ? s_config.MaskTokenId : token), .. behind];
            var logProbabilities = nn.functional.log_softmax(_model.call(TinyModel.Canvas(canvas))[0], -1);
            double ofPattern = 0;
            for (int index = 0; index < text.Length; index++)
            {
                if (pattern[index])
                    ofPattern += logProbabilities[before.Length + index][text[index]].item<float>();
            }
            sum += ofPattern * text.Length / pattern.Count(isMasked => isMasked);
        }
        return sum / numSamples;
    }
}
