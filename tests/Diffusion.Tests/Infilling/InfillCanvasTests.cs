using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Text;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Infilling;

/// <summary>Documents and their canvases; the model is played.</summary>
public sealed class InfillCanvasTests
{
    private const int Mask = 9999;

    private static readonly LLaDAConfig s_config = TinyModel.Config with { MaskTokenId = Mask };

    private static readonly LLaDATokenizer s_tokenizer = TinyTokenizer.Instance;

    [Fact]
    public void Short_document_is_one_canvas_between_its_ends()
    {
        var document = Document("the [MASK:2] reader[MASK:1].");

        var row = document.Next();

        int[] expected =
        [
            s_tokenizer.BeginningOfTextId, .. s_tokenizer.Encode("the"), Mask, Mask,
            .. s_tokenizer.Encode(" reader"), Mask, .. s_tokenizer.Encode("."), s_tokenizer.EndOfTextId,
        ];
        Assert.Equal(expected, row.Canvas);
        Assert.Equal(expected.Index().Where(entry => entry.Item == Mask).Select(entry => entry.Index), row.Targets);
        Assert.Equal(expected.Length, document.NumTokens);
        Assert.Equal(3, document.NumMasked);
    }

    [Fact]
    public void Gaps_of_unknown_length_take_theirs_in_order()
    {
        var document = Document("a [MASK] b [MASK:3] c [MASK] d", openLengths: [2, 5]);

        Assert.Equal(2 + 3 + 5, document.NumMasked);
        Fill(document, (_, _) => "x", _ => 1);
        Assert.Equal([2, 3, 5], document.ToText().Spans.Select(span => span.Tokens.Count));
    }

    [Fact]
    public void Candidate_row_leaves_the_other_gaps_masked_and_the_text_in_place()
    {
        var document = Document("a [MASK] b c d e f [MASK:2] g", openLengths: [2]);

        var candidate = document.CandidateRow(gap: 0, length: 3);

        int[] behind = [.. s_tokenizer.Encode(" b c d e f"), Mask, Mask, .. s_tokenizer.Encode(" g"), s_tokenizer.EndOfTextId];
        int[] before = [s_tokenizer.BeginningOfTextId, .. s_tokenizer.Encode("a")];
        Assert.Equal(
            [.. before, .. Enumerable.Repeat(Mask, 3 + LengthSearch.NumForcedBehind), .. behind[LengthSearch.NumForcedBehind..]],
            candidate.Canvas);
        Assert.Equal(Enumerable.Range(before.Length, 3 + LengthSearch.NumForcedBehind), candidate.Targets);
        Assert.Equal(
            behind[..LengthSearch.NumForcedBehind], candidate.ForcedTokens!.OrderBy(entry => entry.Key).Select(entry => entry.Value));
    }

    [Fact]
    public void Fills_come_back_in_the_text_and_as_spans()
    {
        var document = Document("the [MASK:2] reader, the[MASK:1].");

        Fill(
            document,
            (position, _) => position == 0 ? " word" : position == 1 ? "s" : "\n",
            confidence: position => position == 0 ? 0.9 : position == 1 ? 0.4 : 0.7);

        Assert.True(document.IsDone);
        var (text, spans, _) = document.ToText();
        Assert.Equal("the words reader, the\n.", text);
        Assert.Equal([(0, " words"), (1, "\n")], spans.Select(span => (span.Index, span.Text)));
        Assert.Equal([2, 1], spans.Select(span => span.Tokens.Count));
        Assert.Equal(Math.Sqrt(0.9 * 0.4), spans[0].Confidence, 1e-12);
        Assert.Equal(0.7, spans[1].Confidence, 1e-12);
    }

    [Fact]
    public void Span_is_what_stands_in_the_text()
    {
        var document = Document("a [MASK:1].");

        Fill(document, (_, _) => "b", _ => 1);

        var (text, spans, _) = document.ToText();
        Assert.Equal("a b.", text);
        Assert.Equal(" b", spans.Single().Text);
    }

    [Fact]
    public void Fill_that_is_no_whole_character_is_repaired()
    {
        var document = Document("x[MASK:3]y");
        ReadOnlySpan<byte> euro = "€"u8;     // the first ids are the bytes
        var row = document.Next();

        int[] tokens = [.. row.Canvas];
        (tokens[row.Targets![0]], tokens[row.Targets[1]], tokens[row.Targets[2]]) = (euro[0], euro[1], 'a');
        document.Accept(new SampledRow(tokens, [.. tokens.Select(_ => 0.5)], 1, 0));

        Assert.Equal("xay", document.ToText().Text);
    }

    [Fact]
    public void Impossible_fill_has_no_confidence_and_no_error()
    {
        var document = Document("x[MASK:1]y");

        Fill(document, (_, _) => "a", _ => 0);

        Assert.Equal(0, document.ToText().Spans.Single().Confidence);
    }

    [Theory]
    [InlineData("no gap at all", "no_gap")]
    [InlineData("a literal \\[MASK:3]", "no_gap")]
    [InlineData("a [MASK:1] and [MASK:0]", "empty_gap")]
    [InlineData("a [MASK:63]", "context_length_exceeded")]
    [InlineData("a [MASK:99999999999999]", "context_length_exceeded")]
    public void Text_that_cannot_be_filled_is_refused_with_a_code(string text, string code)
    {
        var exception = Assert.Throws<InfillException>(() => Document(text, context: 64));

        Assert.Equal(code, exception.Code);
    }

    [Theory]
    [InlineData("[MASK:1] ", InfillDocument.MaxGaps, 64, "too_many_gaps")]
    [InlineData("[MASK:65536] ", InfillDocument.MaxMaskedTokens / 65536, 100_000, "too_many_masked_tokens")]
    public void A_text_with_more_gaps_or_tokens_in_them_than_allowed_is_refused_with_a_code(string gap, int most, int context, string code)
    {
        Assert.False(Document(string.Concat(Enumerable.Repeat(gap, most)), context).IsDone);

        var exception = Assert.Throws<InfillException>(() => Document(string.Concat(Enumerable.Repeat(gap, most + 1)), context));

        Assert.Equal(code, exception.Code);
    }

    [Fact]
    public void Longest_gap_fits_the_context_exactly()
    {
        var document = Document("[MASK:62]", context: 64);

        Assert.Equal(64, document.Next().Canvas.Count);
        Assert.Equal(62, document.Next().Targets!.Count);
    }

    [Fact]
    public void Gap_named_in_an_error_is_the_one_that_is_wrong()
    {
        var exception = Assert.Throws<InfillException>(() => Document("[MASK:1] [MASK:1] [MASK:0]"));

        Assert.Contains("Gap 2", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_of_a_blocks_model_are_those_of_each_block_in_every_window()
    {
        var config = s_config with { Family = ModelFamilies.Sdar, BlockLength = 4, MaxSequenceLength = 16 };
        var document = new InfillDocument(
            GapText.Parse(string.Concat(Enumerable.Repeat("the [MASK:6] reader ", 4))), s_tokenizer, config,
            new InfillOptions { MaxGapLength = 8, Sampling = new() { Steps = 3 } });

        Assert.Equal(3, new InfillCanvas(document, []).Next().Options.Steps);
    }

    internal static InfillCanvas Document(string text, int context = 64, SamplingOptions? options = null, int[]? openLengths = null)
    {
        var document = new InfillDocument(
            GapText.Parse(text), s_tokenizer, s_config with { MaxSequenceLength = context },
            new InfillOptions { Sampling = options ?? new() });
        return new InfillCanvas(document, openLengths ?? []);
    }

    /// <summary>Plays the model: every target gets the token of a text.</summary>
    /// <param name="token">By the target's number in its window, and its position there; one token each.</param>
    internal static void Fill(InfillCanvas document, Func<int, int, string> token, Func<int, double> confidence)
    {
        var row = document.Next();
        int[] tokens = [.. row.Canvas];
        double[] confidences = [.. tokens.Select(_ => 1.0)];
        foreach (var (number, position) in row.Targets!.Index())
        {
            tokens[position] = s_tokenizer.Encode(token(number, position)).Single();
            confidences[position] = confidence(number);
        }
        document.Accept(new SampledRow(tokens, confidences, 1, 0));
    }
}
