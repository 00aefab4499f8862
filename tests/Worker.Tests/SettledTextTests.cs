using LLaDA.Batch.Worker.Requests;

namespace LLaDA.Batch.Worker.Tests;

public sealed class SettledTextTests
{
    [Theory]
    [InlineData("a fox", false, "a fox")]
    [InlineData("a fox ", false, "a fox")]
    [InlineData(" a fox \n", true, "a fox")]
    [InlineData("a fox EN", false, "a fox")]
    [InlineData("a fox EN", true, "a fox EN")]
    [InlineData("a fox END of it", false, "a fox")]
    [InlineData("a #", false, "a")]
    [InlineData("a ## b", false, "a")]
    [InlineData("", false, "")]
    public void What_a_stop_text_or_spaces_may_still_take_away_is_left_out(string text, bool isWhole, string settled) =>
        Assert.Equal(settled, SettledText.Of(text, isWhole, ["END", "##"], isTrimmed: true));

    [Fact]
    public void Spaces_of_a_completion_are_its_own() => Assert.Equal(" a ", SettledText.Of(" a ", isWhole: false, [], isTrimmed: false));

    /// <summary>The law: whatever follows, the answer begins with what was settled.</summary>
    [Fact]
    public void An_answer_begins_with_what_was_settled_of_it_at_any_time()
    {
        var random = new Random(1);
        string[] stops = ["ab", "b a", "aaa"];
        for (int trial = 0; trial < 2_000; trial++)
        {
            string text = string.Concat(Enumerable.Range(0, 12).Select(_ => "ab \n"[random.Next(4)]));
            string answer = SettledText.Of(text, isWhole: true, stops, isTrimmed: true);
            for (int length = 0; length <= text.Length; length++)
                Assert.StartsWith(SettledText.Of(text[..length], isWhole: false, stops, isTrimmed: true), answer, StringComparison.Ordinal);
        }
    }
}
