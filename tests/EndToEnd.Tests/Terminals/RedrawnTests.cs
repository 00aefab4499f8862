using LLaDA.Batch.Terminal;

namespace LLaDA.Batch.EndToEnd.Tests.Terminals;

/// <summary>Text that replaces itself on a terminal.</summary>
public sealed class RedrawnTests
{
    private static readonly string[] s_words =
        ["a", "mask", "░░░", "«fill»", "of", "remarkable", "wordswithoutanyspacebetweenthem", "\n", " "];

    [Fact]
    public void Whatever_is_shown_one_after_another_the_terminal_shows_the_last_one_alone()
    {
        var random = new Random(7);
        for (int trial = 0; trial < 200; trial++)
        {
            int width = random.Next(8, 40);
            var (terminal, screen) = NewTerminal(width, height: 60);
            screen.Output.Write("before\n");
            var redrawn = new Redrawn(screen);
            List<string> last = [];
            for (int frame = random.Next(1, 5); frame > 0; frame--)
            {
                var text = RandomText(random);
                redrawn.Show(text);
                last = TerminalRows.Of(text, width - 1, hasColors: false);
            }

            Assert.Equal(["before", .. last.Select(row => row.TrimEnd())], terminal.Rows);
            Assert.Equal(0, terminal.NumBroken);
            redrawn.Clear();
            Assert.Equal("before\n", terminal.Text);
        }
    }

    [Fact]
    public void Rows_fit_the_width_and_lose_nothing_but_the_space_at_which_they_break()
    {
        var random = new Random(8);
        for (int trial = 0; trial < 200; trial++)
        {
            var text = RandomText(random);
            int width = random.Next(1, 40);

            var rows = TerminalRows.Of(text, width, hasColors: false);

            Assert.All(rows, row => Assert.InRange(row.Length, 0, width));
            Assert.Equal(Letters(string.Concat(text.Select(stretch => stretch.Text))), Letters(string.Concat(rows)));
        }
    }

    [Theory]
    [InlineData("one two three", 9, "one two", "three")]
    [InlineData("onetwothree", 4, "onet", "woth", "ree")]
    [InlineData("one\ntwo", 9, "one", "two")]
    [InlineData("", 9, "")]
    [InlineData("日本語", 4, "日本", "語")]
    [InlineData("e\u0301e\u0301", 2, "e\u0301e\u0301")]
    [InlineData("a\e[2Jb\tc", 9, "a [2Jb c")]      // A text cannot send commands to the terminal.
    public void A_text_breaks_at_spaces_where_it_has_some(string text, int width, params string[] expected) =>
        Assert.Equal(expected, TerminalRows.Of([new Stretch(text)], width, hasColors: true));

    [Fact]
    public void A_style_ends_with_its_row_and_begins_again_on_the_next_one()
    {
        var stretches = new[] { new Stretch("one "), new Stretch("two three", "32") };

        Assert.Equal(["one \e[0;32mtwo\e[0m", "\e[0;32mthree\e[0m"], TerminalRows.Of(stretches, 8, hasColors: true));
        Assert.Equal(["one two", "three"], TerminalRows.Of(stretches, 8, hasColors: false));
    }

    [Fact]
    public void Of_a_text_that_is_higher_than_the_terminal_the_part_that_changes_is_shown()
    {
        var (terminal, screen) = NewTerminal(width: 20, height: 4);
        var redrawn = new Redrawn(screen);
        string[] rows = [.. Enumerable.Range(0, 10).Select(row => $"row {row}")];
        redrawn.Show(new Stretch(string.Join('\n', rows)));
        Assert.Equal(rows[..3], terminal.Rows);

        rows[5] = "changed";
        redrawn.Show(new Stretch(string.Join('\n', rows)));

        Assert.Equal(["changed", "row 6", "row 7"], terminal.Rows);
    }

    [Fact]
    public void A_pipe_gets_nothing()
    {
        using var output = new StringWriter();
        var redrawn = new Redrawn(Screen.Of(output));

        redrawn.Show(new Stretch("a"));
        redrawn.Clear();

        Assert.Equal("", output.ToString());
    }

    private static Stretch[] RandomText(Random random) =>
    [
        .. Enumerable.Range(0, random.Next(1, 30))
            .Select(_ => new Stretch(s_words[random.Next(s_words.Length)] + " ", random.Next(3) == 0 ? "32" : "")),
    ];

    private static string Letters(string text) => string.Concat(text.Where(letter => !char.IsWhiteSpace(letter)));

    private static (EmulatedTerminal Terminal, Screen Screen) NewTerminal(int width, int height)
    {
        var terminal = new EmulatedTerminal(width, height);
        return (terminal, new Screen(new TerminalWriter(terminal), IsTerminal: true, HasColors: true, width, height));
    }
}
