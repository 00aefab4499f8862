using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Tests.Text;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Data;

public sealed class PreferenceDataTests : IDisposable
{
    private static readonly LLaDATokenizer s_tokenizer = TinyTokenizer.Instance;
    private static readonly FineTuningOptions s_options = new() { MaxLength = 200, LongExamples = LongExamples.Fail };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_batch_has_the_preferred_answer_of_each_pair_and_then_the_other_one_behind_the_same_prompt()
    {
        using var data = Open(s_options, Pair("the word", "the reader", "a"));

        var batch = data.Batch(0, 2);

        int[] prompt = [.. ChatTemplate.Encode(s_tokenizer, [new("user", "the word")])];
        int[] Row(string answer) =>
            [.. prompt, .. s_tokenizer.Encode(answer), s_tokenizer.EndOfTurnId!.Value, s_tokenizer.EndOfTextId];
        Assert.Equal(4, batch.BatchSize);
        Assert.All(batch.PromptLengths, length => Assert.Equal(prompt.Length, length));
        Assert.Equal(Row("the reader"), batch.Rows[0][..batch.Ends[0]]);
        Assert.Equal(Row("a"), batch.Rows[1][..batch.Ends[1]]);
        Assert.Equal((data.MaxLength, data.MaxLength), (batch.Length, batch.Ends[2]));
        Assert.True(batch.Ends[1] < batch.Length);
    }

    [Fact]
    public void Every_epoch_visits_each_pair_once_in_an_order_of_its_own()
    {
        using var data = Open(s_options, [.. Enumerable.Range(0, 7).Select(line => Pair("q", $"{(char)('a' + line)}", "z"))]);

        string[] drawn = [.. Enumerable.Range(0, 14).Select(step => string.Join(' ', data.Batch(step, 1).Rows[0]))];

        Assert.Equal(7, drawn[..7].Distinct().Count());
        Assert.Equal(drawn[..7].Order(), drawn[7..].Order());
        Assert.NotEqual(drawn[..7], drawn[7..]);
    }

    [Fact]
    public void Every_bad_line_is_reported_with_its_number()
    {
        string tooLong = new('7', 500);

        var exception = Assert.Throws<TrainingDataException>(() => Open(
            s_options, Pair("q", "a", "b"), Pair("q", "a", " a"), "", Pair("q", tooLong, "b"), Pair("q", "a", tooLong),
            Pair("q", "", "b")));

        Assert.Equal("line 2: preferred_output and non_preferred_output are the same", exception.Faults[0]);
        Assert.Matches(
            "^line 4: its prompt of [0-9]+ tokens and its preferred_output of [0-9]+ do not fit a context of 200$", exception.Faults[1]);
        Assert.Matches("^line 5: .* and its non_preferred_output of [0-9]+ do not fit", exception.Faults[2]);
        Assert.Equal("line 6: preferred_output: the answer is empty", exception.Faults[3]);
        Assert.Equal(4, exception.Faults.Count);
    }

    [Fact]
    public void Long_pairs_are_left_out_where_that_is_asked_for_and_never_cut()
    {
        string tooLong = Pair("q", "a", new string('7', 500));
        using (var skipping = Open(s_options with { LongExamples = LongExamples.Skip }, tooLong, Pair("q", "a", "b")))
            Assert.Equal((1, 1), (skipping.NumRows, skipping.NumSkipped));

        Assert.Throws<ArgumentException>(() => Open(s_options with { LongExamples = LongExamples.Cut }, tooLong));
        Assert.Contains(
            "all 1 examples are longer",
            Assert.Throws<TrainingDataException>(() => Open(s_options with { LongExamples = LongExamples.Skip }, tooLong)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Fingerprint_is_worded_as_stored_checkpoints_have_it()
    {
        using var data = Open(s_options, Pair("q", "a", "b"));

        Assert.EndsWith(
            ", preferences, FineTuningOptions { MaxLength = 200, LongExamples = Refuse, LearnsPadding = False, Seed = 1 }",
            data.Fingerprint, StringComparison.Ordinal);
    }

    private static string Pair(string question, string chosen, string rejected)
    {
        static string Messages(string role, string content) => $$"""[{"role": "{{role}}", "content": "{{content}}"}]""";
        string input = Messages("user", question), yes = Messages("assistant", chosen), no = Messages("assistant", rejected);
        return $$"""{"input": {"messages": {{input}}}, "preferred_output": {{yes}}, "non_preferred_output": {{no}}}""";
    }

    private PreferenceData Open(FineTuningOptions options, params string[] lines)
    {
        string path = _folder.File("pairs.jsonl");
        File.WriteAllLines(path, lines);
        return new PreferenceData(path, s_tokenizer, options);
    }
}
