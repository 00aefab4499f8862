using System.Collections.Immutable;
using System.Text.Json;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Text;
using LLaDA.Diffusion.Text;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Infilling;

/// <summary>Whole texts through a real network, which knows nothing and so predicts anything.</summary>
public sealed class InfillerTests : IDisposable
{
    private const int Context = 48;

    private static readonly LLaDATokenizer s_tokenizer = TinyTokenizer.Instance;

    private readonly MaskPredictor _model = TinyModel.Random(TinyModel.Config with
    {
        VocabularySize = s_tokenizer.NumTokens,
        EmbeddingSize = s_tokenizer.NumTokens,
        MaxSequenceLength = Context,
        MaskTokenId = s_tokenizer.MaskId!.Value,
        EosTokenId = s_tokenizer.EndOfTextId,
        PadTokenId = s_tokenizer.EndOfTextId,
        EotTokenId = s_tokenizer.EndOfTurnId,
    });

    private readonly Sampler _sampler;
    private readonly Infiller _infiller;

    public InfillerTests()
    {
        _sampler = new Sampler(_model);
        _infiller = new Infiller(_sampler, s_tokenizer);
    }

    public void Dispose()
    {
        _infiller.Dispose();
        _sampler.Dispose();
        _model.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Gaps_are_filled_with_text_and_nothing_else_changes(double temperature)
    {
        string[] between = ["Größe ", " \\[MASK] 🙂 ", $"\n\n{TinyTokenizer.Corpus}", "."];
        var options = new InfillOptions { Sampling = new SamplingOptions { Temperature = temperature, Seed = 8 } };
        List<InfillProgress> progress = [];

        var (text, spans, numGivenTokens) = _infiller.Fill(
            $"{between[0]}[MASK:3]{between[1]}[MASK]{between[2]}[MASK:9]{between[3]}", options, progress.Add);

        Assert.Equal([new InfillProgress(2, 3), new InfillProgress(3, 3)], progress);
        Assert.Equal([3, 9], spans.Select(span => span.Tokens.Count).Where((_, index) => index != 1));
        Assert.InRange(spans[1].Tokens.Count, 1, InfillOptions.DefaultMaxGapLength);
        Assert.Equal(
            between[0].TrimEnd() + spans[0].Text + between[1].TrimEnd() + spans[1].Text + between[2] + spans[2].Text + between[3], text);
        Assert.Empty(spans.SelectMany(span => span.Tokens).Intersect(s_tokenizer.NonTextIds));
        Assert.All(spans, span => Assert.True(span.Confidence is > 0 and < 1));
        Assert.DoesNotContain('\uFFFD', text);
        Assert.Equal(
            2 + GapText.Parse(string.Join("[MASK]", between)).Pieces.Sum(piece => s_tokenizer.Encode(piece).Count), numGivenTokens);
    }

    [Fact]
    public async Task An_engine_that_many_share_fills_as_a_sampler_does()
    {
        string text = $"a [MASK] b [MASK:5]{TinyTokenizer.Corpus}[MASK] c";
        using var nonText = Infiller.NonText(s_tokenizer, _model.Config);
        var options = new InfillOptions
        {
            MaxGapLength = 12,
            Sampling = new SamplingOptions { Temperature = 1, Seed = 3, Steps = 9, Forbidden = nonText },
        };
        using var engine = new SamplingEngine(_model, null, maxTokens: 200);
        using var lengths = new LengthSearch(SubmitAsync);
        var document = new InfillDocument(GapText.Parse(text), s_tokenizer, _model.Config, options);

        var running = Infiller.FillAsync(document, SubmitAsync, lengths, null, null, CancellationToken.None);
        while (!running.IsCompleted)
        {
            engine.Step();
            await Task.Yield();
        }

        var expected = _infiller.Fill(text, options);
        var filled = await running;
        Assert.Equal(expected.Text, filled.Text);
        Assert.Equal(
            expected.Spans.Select(span => (span.Confidence, span.Text)), filled.Spans.Select(span => (span.Confidence, span.Text)));
        Assert.NotEqual(expected.Text, _infiller.Fill(text, options with { Sampling = options.Sampling with { Seed = 4 } }).Text);

        async Task<IReadOnlyList<SampledRow>> SubmitAsync(IReadOnlyList<SamplingRow> rows) =>
            await Task.WhenAll(rows.Select(row => engine.SubmitAsync(row)));
    }

    [Fact]
    public async Task A_fill_that_resumes_from_any_state_gives_the_same_text_and_repeats_nothing()
    {
        string text = $"a [MASK] b [MASK:5]{TinyTokenizer.Corpus}[MASK] c{TinyTokenizer.Corpus}[MASK:3]";
        using var nonText = Infiller.NonText(s_tokenizer, _model.Config);
        var sampling = new SamplingOptions { Temperature = 1, Seed = 3, Forbidden = nonText };
        var document = new InfillDocument(
            GapText.Parse(text), s_tokenizer, _model.Config, new InfillOptions { Sampling = sampling });
        int numSampled = 0;
        using var lengths = new LengthSearch(Sample);
        List<(InfillState State, int NumSampled)> states = [(InfillState.None, 0)];
        var whole = await Infiller.FillAsync(
            document, Sample, lengths, null, null, InfillState.None, state => states.Add((state, numSampled)), CancellationToken.None);
        int numInAll = numSampled;

        Assert.Equal(1 + 2 + 3, states.Count);
        Assert.Equal(states.Select(entry => document.ShareOf(entry.State)), states.Select(entry => document.ShareOf(entry.State)).Order());
        Assert.Equal((0, 1), (document.ShareOf(states[0].State), document.ShareOf(states[^1].State)));
        foreach (var (state, numBefore) in states)
        {
            numSampled = 0;
            var stored = JsonSerializer.Deserialize<InfillState>(JsonSerializer.Serialize(state))!;
            var resumed = await Infiller.FillAsync(document, Sample, lengths, null, null, stored, null, CancellationToken.None);
            Assert.Equal(whole.Text, resumed.Text);
            Assert.Equal(whole.Spans.Select(span => span.Confidence), resumed.Spans.Select(span => span.Confidence));
            Assert.Equal(numInAll - numBefore, numSampled);
        }

        Task<IReadOnlyList<SampledRow>> Sample(IReadOnlyList<SamplingRow> rows)
        {
            numSampled += rows.Count;
            return Task.FromResult(_sampler.Sample(rows));
        }
    }

    [Fact]
    public async Task A_state_of_another_document_is_left_aside()
    {
        const string text = "a [MASK] b [MASK:5] c";
        using var nonText = Infiller.NonText(s_tokenizer, _model.Config);
        var options = new InfillOptions { Sampling = new SamplingOptions { Forbidden = nonText } };
        var document = new InfillDocument(GapText.Parse(text), s_tokenizer, _model.Config, options);
        using var lengths = new LengthSearch(rows => Task.FromResult(_sampler.Sample(rows)));
        InfillState[] others =
        [
            new(ImmutableDictionary<int, int>.Empty.Add(1, 2), []),
            new(ImmutableDictionary<int, int>.Empty.Add(0, 9), []),
            new(ImmutableDictionary<int, int>.Empty, [new FilledWindow([1], [0.5])]),
            new(ImmutableDictionary<int, int>.Empty.Add(0, 2), [new FilledWindow([1], [0.5])]),
        ];

        foreach (var state in others)
        {
            var filled = await Infiller.FillAsync(
                document, rows => Task.FromResult(_sampler.Sample(rows)), lengths, null, null, state, null, CancellationToken.None);
            Assert.Equal(_infiller.Fill(text, options).Text, filled.Text);
        }
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(1000, true)]
    public void Candidates_of_a_gap_share_passes_that_fit_with_the_same_result(int maxTokens, bool areTogether)
    {
        const string text = "the word [MASK] the reader [MASK] writer";
        string expected = _infiller.Fill(text).Text;
        using var infiller = new Infiller(_sampler, s_tokenizer, maxTokens);
        using var scope = NewDisposeScope();
        using var recording = new Recording(_model);

        var filled = infiller.Fill(text);

        Assert.Equal(expected, filled.Text);
        Assert.Equal(areTogether, recording.Passes.Exists(pass => pass.Length > Context));
    }

    [Fact]
    public void A_length_is_one_of_the_bounds_candidates()
    {
        var filled = _infiller.Fill("the [MASK] reader", new InfillOptions { MaxGapLength = 1 });

        Assert.Single(filled.Spans.Single().Tokens);
        Assert.Equal(1, filled.NumFilledTokens);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Context - 1)]
    public void A_bound_out_of_range_is_refused(int bound) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _infiller.Fill("[MASK]", new InfillOptions { MaxGapLength = bound }));

    [Fact]
    public void A_text_without_a_gap_is_refused() =>
        Assert.Equal("no_gap", Assert.Throws<InfillException>(() => _infiller.Fill("plain")).Code);

    [Fact]
    public void Cancellation_ends_a_fill_between_steps()
    {
        using var cancellation = new CancellationTokenSource();
        int windows = 0;

        Assert.Throws<OperationCanceledException>(() => _infiller.Fill(
            $"[MASK:1]{TinyTokenizer.Corpus}[MASK:1]{TinyTokenizer.Corpus}[MASK:1]", null, _ =>
            {
                windows++;
                cancellation.Cancel();
            },
            cancellation.Token));

        Assert.Equal(1, windows);
    }
}
