using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Tests.Text;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Data;

public sealed class PromptDataTests : IDisposable
{
    private const string Question = """{"messages": [{"role": "user", "content": "the word"}], "reference": "a"}""";

    private static readonly LLaDATokenizer s_tokenizer = TinyTokenizer.Instance;
    private static readonly FineTuningOptions s_options = new() { MaxLength = 200, LongExamples = LongExamples.Fail };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_batch_has_each_prompt_with_its_line_and_nothing_to_learn()
    {
        const string text = """{"prompt": "the reader", "answer": 7}""";
        using var data = Open(s_options, 20, Question, "", text);

        var batch = data.Batch(0, 2);

        int[] dialogue = [.. ChatTemplate.Encode(s_tokenizer, [new("user", "the word")])];
        int[] plain = [.. s_tokenizer.BeginningOfText, .. s_tokenizer.Encode("the reader")];
        var found = batch.Lines!.Zip(batch.Rows, batch.Ends).ToDictionary(row => row.First, row => row.Second[..row.Third]);
        Assert.Equal(dialogue, found[new DataLine(1, Question)]);
        Assert.Equal(plain, found[new DataLine(3, text)]);
        Assert.Equal(batch.Ends, batch.PromptLengths);
        Assert.Equal(Math.Max(dialogue.Length, plain.Length) + 20, data.MaxLength);
        Assert.Equal([new DataLine(1, Question), new DataLine(3, text)], data.Lines);
    }

    [Fact]
    public void Every_epoch_visits_each_prompt_once_in_an_order_of_its_own()
    {
        using var data = Open(s_options, 5, [.. Enumerable.Range(0, 7).Select(line => $$"""{"prompt": "{{(char)('a' + line)}}"}""")]);

        int[] drawn = [.. Enumerable.Range(0, 14).Select(step => data.Batch(step, 1).Lines![0].Number)];

        Assert.Equal(Enumerable.Range(1, 7), drawn[..7].Order());
        Assert.Equal(Enumerable.Range(1, 7), drawn[7..].Order());
        Assert.NotEqual(drawn[..7], drawn[7..]);
    }

    [Fact]
    public void Every_bad_line_is_reported_with_its_number()
    {
        string[] lines =
        [
            Question, """{"reference": "a"}""", """{"prompt": ""}""", """{"prompt": "a", "messages": [{"role": "user", "content": "a"}]}""",
            """{"messages": [{"role": "system", "content": "a"}]}""", """{"messages": []}""", """{"messages": [1]}""", "[]",
            $$"""{"prompt": "{{new string('7', 500)}}"}""",
        ];

        var faults = Assert.Throws<TrainingDataException>(() => Open(s_options, 20, lines)).Faults;

        Assert.Equal(
            [
                "line 2: it has neither messages nor a prompt", "line 3: prompt is empty", "line 4: it has both messages and a prompt",
                "line 5: the last message is of role system; it must be a question of the user",
                "line 6: messages must be a list of at least one message", "line 7: message 1: it must be an object",
                "line 8: it is not a JSON object",
            ],
            faults.SkipLast(1));
        Assert.Matches("^line 9: its prompt of [0-9]+ tokens and an answer of up to 20 do not fit a context of 200$", faults[^1]);
    }

    [Fact]
    public void Long_prompts_may_be_left_out_but_not_all()
    {
        var options = s_options with { LongExamples = LongExamples.Skip };
        string tooLong = $$"""{"prompt": "{{new string('7', 500)}}"}""";
        using var data = Open(options, 20, tooLong, Question);

        Assert.Equal((1, 1), (data.NumRows, data.NumSkipped));
        Assert.Contains(
            "all 1 prompts leave less than 20 of 200 tokens for an answer",
            Assert.Throws<TrainingDataException>(() => Open(options, 20, tooLong)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Open(options with { LongExamples = LongExamples.Cut }, 20, Question));
    }

    [Fact]
    public void Fingerprint_tells_what_changes_batches()
    {
        string Of(FineTuningOptions options, int answerTokens, params string[] lines)
        {
            using var data = Open(options, answerTokens, lines);
            return data.Fingerprint;
        }

        string[] all =
        [
            Of(s_options, 20, Question), Of(s_options, 21, Question), Of(s_options, 20, Question, Question),
            Of(s_options with { Seed = 3 }, 20, Question),
        ];
        Assert.Equal(4, all.Distinct().Count());
        Assert.EndsWith(
            ", prompts for 20 tokens, FineTuningOptions { MaxLength = 200, LongExamples = Refuse, LearnsPadding = False, Seed = 1 }",
            all[0], StringComparison.Ordinal);
    }

    private PromptData Open(FineTuningOptions options, int answerTokens, params string[] lines)
    {
        File.WriteAllLines(_folder.File("prompts.jsonl"), lines);
        return new PromptData(_folder.File("prompts.jsonl"), s_tokenizer, options, answerTokens);
    }
}
