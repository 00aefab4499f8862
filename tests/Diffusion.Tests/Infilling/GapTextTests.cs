using System.Text.RegularExpressions;
using CsCheck;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Tests.Text;

namespace LLaDA.Diffusion.Tests.Infilling;

public sealed class GapTextTests
{
    /// <summary>Text that holds no gap of its own: literals, spaces, brackets and anything else.</summary>
    private static readonly Gen<string> s_pieces = Gen.OneOf(
        TinyTokenizer.AnyChars.Where(text => !text.Contains("[MASK", StringComparison.Ordinal) && !text.EndsWith('\\')),
        Gen.OneOf(" ", "  ", "\n", "\\[MASK]", "\\[MASK:12]", "[MASK ", "[MASK:]", "[MASK:x]", "[mask]", "MASK]", "]", "a", "🙂", "\0")
            .Array[0, 8].Select(string.Concat));

    /// <summary>Text with markers and runs of backslashes that stand for themselves.</summary>
    private static readonly Gen<string> s_anyPieces =
        Gen.OneOf(" ", "\\", "\\\\", "[MASK]", "[MASK:12]", "[MASK", "]", "a", "🙂").Array[0, 8].Select(string.Concat);

    private static readonly Gen<string> s_gaps = Gen.OneOf("[MASK]", "[MASK:1]", "[MASK:37]");

    [Theory]
    [InlineData("a[MASK:5]b", 5)]
    [InlineData("a[MASK]b", null)]
    [InlineData("[MASK:007]", 7)]
    [InlineData("[MASK:0]", 0)]
    [InlineData("[MASK:2147483647]", int.MaxValue)]
    [InlineData("[MASK:99999999999999999999]", int.MaxValue)]
    public void Gap_has_the_length_that_was_written(string text, int? length) =>
        Assert.Equal(new Gap(length, false), Assert.Single(GapText.Parse(text).Gaps));

    [Theory]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("\\[MASK]")]
    [InlineData("\\[MASK:3]")]
    [InlineData("[MASK")]
    [InlineData("[MASK:]")]
    [InlineData("[MASK:-1]")]
    [InlineData("[MASK: 3]")]
    [InlineData("[MASK:٣]")]
    [InlineData("[mask]")]
    [InlineData("[MASKS]")]
    public void Anything_else_is_text(string text)
    {
        var parsed = GapText.Parse(text);

        Assert.Empty(parsed.Gaps);
        Assert.Equal(text, parsed.Fill([]));
    }

    [Fact]
    public void Model_reads_a_literal_without_its_backslash_and_the_document_keeps_it()
    {
        var text = GapText.Parse("write \\[MASK:3] for [MASK:1]!");

        Assert.Equal(["write [MASK:3] for", "!"], text.Pieces);
        Assert.Equal("write \\[MASK:3] for gaps!", text.Fill([" gaps"]));
    }

    [Theory]
    [InlineData(@"C:\[MASK:1]", @"C:[MASK:1]", null)]
    [InlineData(@"C:\\[MASK:1]", @"C:\", "")]
    [InlineData(@"C:\\\[MASK:1]", @"C:\[MASK:1]", null)]
    [InlineData(@"a & b \\[MASK:1] c", @"a & b \", " c")]
    [InlineData(@"\\\\[MASK]\\", @"\\", @"\\")]
    [InlineData(@"\\ [MASK]", @"\\", "")]
    [InlineData(@"\n\\[mask]\\", @"\n\\[mask]\\", null)]
    public void A_pair_of_backslashes_before_a_marker_is_one_backslash_and_a_single_one_makes_it_literal(
        string text, string before, string? after)
    {
        var parsed = GapText.Parse(text);

        Assert.Equal(after is null ? [before] : [before, after], parsed.Pieces);
        Assert.Equal(text, parsed.Fill([.. parsed.Gaps.Select(gap => gap.Length is null ? "[MASK]" : "[MASK:1]")]));
    }

    [Fact]
    public void Every_text_can_be_written_around_gaps() =>
        Gen.Select(s_anyPieces.Array[1, 6], s_gaps).Sample((pieces, gap) =>
        {
            string written = string.Join(gap, pieces.Select((piece, index) => Escaped(piece, isBeforeGap: index < pieces.Length - 1)));

            var parsed = GapText.Parse(written);

            string[] read = [.. parsed.Pieces.Zip(parsed.Gaps.Select(entry => entry.RestoresSpace ? " " : "").Append(""), string.Concat)];
            Assert.Equal(pieces, read);
        }, iter: 2000);

    [Fact]
    public void A_long_run_of_backslashes_takes_linear_time() =>
        Assert.Empty(GapText.Parse(new string('\\', 1_000_001) + "[MASK]").Gaps);

    [Theory]
    [InlineData("see [MASK:1].", "see", true)]
    [InlineData("see  [MASK:1].", "see ", true)]
    [InlineData("see\n[MASK:1].", "see\n", false)]
    [InlineData("see\u00A0[MASK:1].", "see\u00A0", false)]
    [InlineData("[MASK:1].", "", false)]
    public void Single_space_before_a_gap_belongs_to_it(string text, string before, bool restoresSpace)
    {
        var parsed = GapText.Parse(text);

        Assert.Equal([before, "."], parsed.Pieces);
        Assert.Equal(restoresSpace, parsed.Gaps.Single().RestoresSpace);
    }

    [Theory]
    [InlineData("word", "a word.")]
    [InlineData(" word", "a word.")]
    [InlineData("   word", "a word.")]
    [InlineData("", "a .")]
    [InlineData("\nword", "a \nword.")]
    public void Space_is_restored_exactly_once(string fill, string expected) =>
        Assert.Equal(expected, GapText.Parse("a [MASK].").Fill([fill]));

    [Fact]
    public void Fill_of_a_gap_without_a_space_stands_as_it_is() => Assert.Equal("(  x)", GapText.Parse("([MASK])").Fill(["  x"]));

    [Fact]
    public void Neighbouring_gaps_are_two()
    {
        var text = GapText.Parse("[MASK:1][MASK:2] [MASK:3]");

        Assert.Equal([new Gap(1, false), new Gap(2, false), new Gap(3, true)], text.Gaps);
        Assert.Equal(["", "", "", ""], text.Pieces);
        Assert.Equal("xy z", text.Fill(["x", "y", "z"]));
    }

    [Fact]
    public void Text_outside_of_gaps_comes_back_byte_for_byte() =>
        Gen.Select(s_pieces.Array[1, 6], s_gaps.Array[5], Gen.OneOf("", "x", "[MASK]", "\\", "🙂").Array[5]).Sample((pieces, gaps, fills) =>
        {
            var parts = pieces.Index().Select(entry => entry.Index == 0 ? entry.Item : gaps[entry.Index - 1] + entry.Item);
            var text = GapText.Parse(string.Concat(parts));

            Assert.Equal(pieces.Length - 1, text.Gaps.Count);
            Assert.Equal(
                string.Concat(pieces.Index().Select(entry => entry.Index == 0 ? entry.Item : fills[entry.Index - 1] + entry.Item)),
                text.Fill(fills[..(pieces.Length - 1)]));
            Assert.Equal(pieces.Length, text.Pieces.Count());
        }, iter: 2000);

    [Fact]
    public void Filling_every_gap_with_itself_gives_the_text_back() =>
        Gen.Select(s_pieces.Array[1, 6], s_gaps).Sample((pieces, gap) =>
        {
            string whole = string.Join(gap, pieces);
            Assert.Equal(whole, GapText.Parse(whole).Fill([.. pieces.Skip(1).Select(_ => gap)]));
        }, iter: 2000);

    /// <summary>
    /// Writes a text so that it is read as it stands: backslashes before a marker or a gap are doubled, and markers get one more.
    /// </summary>
    private static string Escaped(string text, bool isBeforeGap)
    {
        string escaped = Regex.Replace(
            text, @"(?<run>\\*)(?<marker>\[MASK(:[0-9]+)?\])", @"${run}${run}\${marker}",
            RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        string run = escaped[escaped.TrimEnd('\\').Length..];
        return isBeforeGap ? escaped + run : escaped;
    }
}
