using System.Text;
using CsCheck;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Text;

namespace LLaDA.Diffusion.Tests.Infilling;

/// <summary>Documents longer than the context, filled window by window.</summary>
public sealed class InfillWindowTests
{
    private const int Mask = 9999, Context = 32;

    /// <summary>Words with gaps of up to 12 tokens between them, most of them longer than the context together.</summary>
    private static readonly Gen<(string[] Words, int[] Gaps)> s_documents =
        from gaps in Gen.Int[1, 12].Array[1, 12]
        from words in Gen.Int[0, 40].Select(length => string.Concat(Enumerable.Repeat("xy", length))).Array[gaps.Length + 1]
        select (words, gaps);

    [Fact]
    public void Windows_fit_the_context_and_fill_every_gap_once() =>
        ForAnyDocument((windows, document, _) =>
        {
            Assert.All(windows, window => Assert.InRange(window.Canvas.Count, 1, Context));
            Assert.All(windows, window => Assert.All(window.Targets!, target => Assert.Equal(Mask, window.Canvas[target])));
            Assert.All(windows, window => Assert.Equal(window.Targets!.Order(), window.Targets!));
            Assert.Equal(document.NumMasked, windows.Sum(window => window.Targets!.Count));
        });

    [Fact]
    public void Window_is_as_long_as_the_document_allows() =>
        ForAnyDocument((windows, document, _) =>
            Assert.All(windows, window => Assert.Equal(Math.Min(Context, document.NumTokens), window.Canvas.Count)));

    [Fact]
    public void Window_sees_the_fills_before_it_and_masks_behind_it() =>
        ForAnyDocument((windows, _, _) => Assert.All(windows, window =>
        {
            var open = window.Canvas.Index().Where(entry => entry.Item == Mask).Select(entry => entry.Index).ToList();
            Assert.Equal(window.Targets!, open.Take(window.Targets!.Count));
        }));

    [Fact]
    public void Gaps_that_fit_into_half_of_the_context_are_filled_together()
    {
        string far = string.Concat(Enumerable.Repeat("xy", 20));
        string text = $"{far}{string.Concat(Enumerable.Repeat("[MASK:3]xy", 3))}{far}[MASK:3]";
        var document = InfillCanvasTests.Document(text, Context);

        var windows = Play(document);

        Assert.Equal([9, 3], windows.Select(window => window.Targets!.Count));
        int before = windows[0].Targets![0], behind = Context - 1 - windows[0].Targets![^1];
        Assert.InRange(before - behind, -1, 1);
    }

    [Fact]
    public void Gaps_that_need_more_than_half_of_the_context_are_filled_one_after_the_other()
    {
        string around = new('x', 40);

        Assert.Equal(
            [6],
            Play(InfillCanvasTests.Document($"{around}[MASK:3]{new string('x', 10)}[MASK:3]{around}", Context))
                .Select(window => window.Targets!.Count));
        Assert.Equal(
            [3, 3],
            Play(InfillCanvasTests.Document($"{around}[MASK:3]{new string('x', 11)}[MASK:3]{around}", Context))
                .Select(window => window.Targets!.Count));
    }

    [Fact]
    public void Document_that_fits_is_filled_in_one_window_however_far_apart_its_gaps()
    {
        var document = InfillCanvasTests.Document($"[MASK:1]{new string('x', 28)}[MASK:1]", Context);

        Assert.Equal(Context, document.NumTokens);
        Assert.Equal(2, Assert.Single(Play(document)).Targets!.Count);
    }

    [Fact]
    public void Text_and_fills_stand_where_they_belong() =>
        ForAnyDocument((_, document, written) =>
        {
            var expected = new StringBuilder(written.Words[0]);
            foreach (var (index, length) in written.Gaps.Index())
                expected.Append('a', length).Append(written.Words[index + 1]);
            Assert.Equal(expected.ToString(), document.ToText().Text);
            Assert.Equal(written.Gaps, document.ToText().Spans.Select(span => span.Tokens.Count));
        });

    [Fact]
    public void Steps_of_the_document_are_shared_out_among_its_windows()
    {
        string text = string.Join(new string('x', 60), "[MASK:4]", "[MASK:8]", "[MASK:4]");
        var document = InfillCanvasTests.Document(text, Context, new SamplingOptions { Steps = 8 });

        var windows = Play(document);

        Assert.Equal([2, 4, 2], windows.Select(window => window.Options.Steps));
        Assert.All(Play(InfillCanvasTests.Document(text, Context)), window => Assert.Null(window.Options.Steps));
    }

    [Fact]
    public void Each_window_draws_numbers_of_its_own()
    {
        string text = string.Join(new string('x', 60), "[MASK:4]", "[MASK:4]", "[MASK:4]");
        ulong[] Seeds(ulong seed) =>
            [.. Play(InfillCanvasTests.Document(text, Context, new SamplingOptions { Seed = seed })).Select(window => window.Options.Seed)];

        Assert.Equal(3UL, Seeds(3)[0]);
        Assert.Equal(3, Seeds(3).Distinct().Count());
        Assert.Equal(Seeds(3), Seeds(3));
        Assert.Empty(Seeds(3).Intersect(Seeds(4)));
    }

    private static void ForAnyDocument(Action<List<SamplingRow>, InfillCanvas, (string[] Words, int[] Gaps)> holds) =>
        s_documents.Sample(written =>
        {
            var text = new StringBuilder(written.Words[0]);
            foreach (var (index, length) in written.Gaps.Index())
                text.Append($"[MASK:{length}]").Append(written.Words[index + 1]);
            var document = InfillCanvasTests.Document(text.ToString(), Context);
            holds(Play(document), document, written);
        }, iter: 300);

    /// <summary>Fills every target with the letter a.</summary>
    private static List<SamplingRow> Play(InfillCanvas document)
    {
        List<SamplingRow> windows = [];
        while (!document.IsDone)
        {
            windows.Add(document.Next());
            InfillCanvasTests.Fill(document, (_, _) => "a", _ => 0.5);
        }
        return windows;
    }
}
