using System.Text;
using CsCheck;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Tests.Text;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Data;

public sealed class FineTuningDataTests : IDisposable
{
    private const string OneTurn =
        """{"messages": [{"role": "user", "content": "the word"}, {"role": "assistant", "content": " the reader "}]}""";
    private const string Completion = """{"prompt": "the word", "completion": " was"}""";
    private const string ThreeTurns =
        """{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "1"}, """
        + """{"role": "user", "content": "b"}, {"role": "assistant", "content": "2", "weight": 0}, """
        + """{"role": "user", "content": "c"}, {"role": "assistant", "content": "3"}]}""";

    private static readonly LLaDATokenizer s_tokenizer = TinyTokenizer.Instance;
    private static readonly FineTuningOptions s_options = new() { MaxLength = 200 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Answer_follows_its_rendered_history_and_ends_the_turn_and_the_text()
    {
        using var data = Open(OneTurn);

        var batch = data.Batch(0, 1);

        int[] prompt = [.. ChatTemplate.Encode(s_tokenizer, [new("user", "the word")])];
        Assert.Equal(
            [.. prompt, .. s_tokenizer.Encode("the reader"), s_tokenizer.EndOfTurnId!.Value, s_tokenizer.EndOfTextId], batch.Rows[0]);
        Assert.Equal([prompt.Length], batch.PromptLengths);
        Assert.Equal([batch.Length], batch.Ends);
    }

    [Fact]
    public void Completion_follows_its_prompt_as_written()
    {
        using var data = Open(Completion);

        var batch = data.Batch(0, 1);

        int[] prompt = [s_tokenizer.BeginningOfTextId, .. s_tokenizer.Encode("the word")];
        Assert.Equal([.. prompt, .. s_tokenizer.Encode(" was"), s_tokenizer.EndOfTextId], batch.Rows[0]);
        Assert.Equal([prompt.Length], batch.PromptLengths);
    }

    [Fact]
    public void Answers_are_all_that_is_learnt_line_by_line_with_their_turn()
    {
        using var data = Open(ThreeTurns, Completion);

        AnsweredPrompt[] answers = [.. data.Answers()];

        Assert.Equal([1, 2, 1], answers.Select(answer => answer.Turn));
        ChatMessage[] history =
            [new("system", "s"), new("user", "a"), new("assistant", "1"), new("user", "b"), new("assistant", "2"), new("user", "c")];
        Assert.Equal([.. ChatTemplate.Encode(s_tokenizer, history[..2])], answers[0].Prompt);
        Assert.Equal([.. ChatTemplate.Encode(s_tokenizer, history)], answers[1].Prompt);
        Assert.Equal([.. s_tokenizer.Encode("3"), s_tokenizer.EndOfTurnId!.Value, s_tokenizer.EndOfTextId], answers[1].Answer);
        Assert.Equal([.. s_tokenizer.Encode(" was"), s_tokenizer.EndOfTextId], answers[2].Answer);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Rows_are_padded_with_the_end_of_text_to_the_longest_of_the_global_batch(bool learnsPadding)
    {
        using var data = Open(
            s_options with { LearnsPadding = learnsPadding }, OneTurn, Completion, """{"prompt": "", "completion": "x"}""");

        var batch = data.Batch(0, 3);

        int longest = ChatTemplate.Encode(s_tokenizer, [new("user", "the word")]).Count + s_tokenizer.Encode("the reader").Count + 2;
        Assert.All(batch.Rows, row => Assert.Equal(longest, row.Length));
        foreach (var (row, prompt, end) in batch.Rows.Zip(batch.PromptLengths, batch.Ends))
        {
            int firstEnd = Array.IndexOf(row, s_tokenizer.EndOfTextId);
            Assert.All(row[firstEnd..], token => Assert.Equal(s_tokenizer.EndOfTextId, token));
            Assert.Equal(learnsPadding ? longest : firstEnd + 1, end);
            Assert.InRange(prompt, 1, firstEnd - 1);
        }
    }

    [Fact]
    public void Of_a_dialogue_each_answer_that_counts_is_drawn_in_turn_behind_all_that_came_before()
    {
        using var data = Open(ThreeTurns);

        string[] drawn = [.. Enumerable.Range(0, 60).Select(step => Text(data.Batch(step, 1)))];

        Assert.Equal(
            ["system|s|user|a|assistant|1", "system|s|user|a|assistant|1|user|b|assistant|2|user|c|assistant|3"], drawn.Distinct().Order());
        Assert.InRange(drawn.Count(text => text.EndsWith('1')), 15, 45);
    }

    [Fact]
    public void Every_epoch_visits_each_line_once_whatever_the_batch_size() =>
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 5], Gen.Int[0, 3]).Sample((numLines, batchSize, seed) =>
        {
            using var data = Open(
                s_options with { Seed = seed },
                [.. Enumerable.Range(0, numLines).Select(line => $$"""{"prompt": "", "completion": "{{(char)('a' + line)}}"}""")]);

            var rows = Enumerable.Range(0, numLines).SelectMany(step => data.Batch(step, batchSize).Rows.Select(row => row[1])).ToList();

            Assert.Equal(numLines, data.NumRows);
            foreach (int[] epoch in rows.Chunk(numLines))
                Assert.Equal(numLines, epoch.Distinct().Count());
            Assert.Equal(Enumerable.Range(0, numLines * batchSize).Select(step => data.Batch(step, 1).Rows[0][1]), rows);
        }, iter: 30);

    [Fact]
    public void Every_bad_line_is_reported_with_its_number()
    {
        string tooLong = $$"""{"prompt": "{{new string('7', 500)}}", "completion": "b"}""";

        var exception = Assert.Throws<TrainingDataException>(() => Open(OneTurn, "", "[]", Completion, """{"prompt": "a"}""", tooLong));

        Assert.Equal(["line 3: it is not a JSON object", "line 5: completion is missing"], exception.Faults.Take(2));
        Assert.Matches("^line 6: its prompt of [0-9]+ tokens and its answer of 2 do not fit a context of 200$", exception.Faults[2]);
        Assert.Equal(3, exception.Faults.Count);
        Assert.StartsWith(_folder.Path, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_examples_are_refused_left_out_or_cut_as_asked()
    {
        string longAnswer = $$"""{"prompt": "the", "completion": "{{new string('7', 40)}}"}""";
        var options = s_options with { MaxLength = 20 };

        Assert.Contains(
            "line 2", Assert.Throws<TrainingDataException>(() => Open(options, Completion, longAnswer)).Message, StringComparison.Ordinal);
        using (var skipping = Open(options with { LongExamples = LongExamples.Skip }, Completion, longAnswer))
            Assert.Equal((1, 1), (skipping.NumRows, skipping.NumSkipped));
        using var cutting = Open(options with { LongExamples = LongExamples.Cut }, longAnswer, Completion, longAnswer);
        Assert.Equal((3, 0, 2), (cutting.NumRows, cutting.NumSkipped, cutting.NumCut));
        var cut = Enumerable.Range(0, 3).Select(step => cutting.Batch(step, 1)).Where(batch => batch.Length == 20).ToList();
        Assert.Equal(2, cut.Count);
        Assert.All(cut, batch => Assert.DoesNotContain(s_tokenizer.EndOfTextId, batch.Rows[0]));
        Assert.Contains(
            "all 1 examples",
            Assert.Throws<TrainingDataException>(() => Open(options with { LongExamples = LongExamples.Skip }, longAnswer)).Message,
            StringComparison.Ordinal);
        string longPrompt = $$"""{"prompt": "{{new string('7', 40)}}", "completion": "x"}""";
        Assert.Throws<TrainingDataException>(() => Open(options with { LongExamples = LongExamples.Cut }, longPrompt));
    }

    [Fact]
    public void Fingerprint_is_worded_as_stored_checkpoints_have_it()
    {
        using var data = Open(s_options with { LongExamples = LongExamples.Cut }, Completion);

        Assert.EndsWith(
            ", FineTuningOptions { MaxLength = 200, LongExamples = Truncate, LearnsPadding = True, Seed = 1 }", data.Fingerprint,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n \r\n")]
    public void File_without_examples_is_refused(string text)
    {
        File.WriteAllText(_folder.File("empty.jsonl"), text);

        var exception = Assert.Throws<TrainingDataException>(() => new FineTuningData(_folder.File("empty.jsonl"), s_tokenizer, s_options));

        Assert.Contains("no examples", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Byte_order_mark_carriage_returns_and_a_missing_last_newline_are_no_faults()
    {
        File.WriteAllText(
            _folder.File("windows.jsonl"), $"{Completion}\r\n\r\n{OneTurn}", new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));

        using var data = new FineTuningData(_folder.File("windows.jsonl"), s_tokenizer, s_options);

        Assert.Equal(2, data.NumRows);
    }

    [Fact]
    public void Lines_are_found_again_across_the_pieces_in_which_the_file_is_read()
    {
        string[] lines =
            [.. Enumerable.Range(0, 3000).Select(line => $$"""{"prompt": "{{new string('x', line % 90)}}", "completion": "{{line}}"}""")];
        using var data = Open(lines);

        var completions = Enumerable.Range(0, lines.Length).Select(step => data.Batch(step, 1)).Select(
            batch => s_tokenizer.Decode(batch.Rows[0][batch.PromptLengths[0]..]));

        Assert.Equal(Enumerable.Range(0, lines.Length).Select(line => $"{line}").Order(), completions.Order());
    }

    [Fact]
    public void Dialogues_need_a_tokenizer_that_knows_them()
    {
        var plain = TinyTokenizer.Changed(json =>
        {
            var added = json["added_tokens"]!.AsArray();
            added.RemoveAt(added.Index().Single(token => token.Item!["content"]!.GetValue<string>() == SpecialTokens.EndOfTurn).Index);
        });
        File.WriteAllLines(_folder.File("chat.jsonl"), [OneTurn]);

        var exception = Assert.Throws<TrainingDataException>(() => new FineTuningData(_folder.File("chat.jsonl"), plain, s_options));

        Assert.Contains("line 1: The model's tokenizer has no tokens for dialogues", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("roles.jinja")]
    [InlineData("chatml.jinja")]
    [InlineData("thinking.jinja")]
    public void Answers_are_what_the_models_template_writes_behind_the_prompt(string family)
    {
        var tokenizer = DialogueTemplateTests.OfFamily(family);
        File.WriteAllLines(_folder.File("chat.jsonl"), [ThreeTurns]);
        using var data = new FineTuningData(_folder.File("chat.jsonl"), tokenizer, s_options with { MaxLength = 1000 });

        AnsweredPrompt[] answers = [.. data.Answers()];

        ChatMessage[] history =
            [new("system", "s"), new("user", "a"), new("assistant", "1"), new("user", "b"), new("assistant", "2"), new("user", "c")];
        foreach (var (answer, (turns, text)) in answers.Zip([(2, "1"), (6, "3")]))
        {
            var (prompt, behind) = ChatTemplate.EncodeAnswered(tokenizer, history[..turns], text);
            Assert.Equal(prompt, answer.Prompt);
            Assert.Equal([.. behind, tokenizer.EndOfTextId], answer.Answer);
            Assert.Contains(text, tokenizer.Decode(answer.Answer), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_template_that_does_not_show_the_answer_is_an_error_of_the_line()
    {
        var tokenizer = DialogueTemplateTests.WithTemplate(
            "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}<|im_start|>", ["<|im_start|>", "<|im_end|>"]);
        File.WriteAllLines(_folder.File("chat.jsonl"), [OneTurn]);

        var exception = Assert.Throws<TrainingDataException>(() => new FineTuningData(_folder.File("chat.jsonl"), tokenizer, s_options));

        Assert.Contains("line 1: The model's chat template begins a further answer", exception.Message, StringComparison.Ordinal);
    }

    private FineTuningData Open(params string[] lines) => Open(s_options, lines);

    private FineTuningData Open(FineTuningOptions options, params string[] lines)
    {
        string path = _folder.File($"{Guid.NewGuid()}.jsonl");
        File.WriteAllLines(path, lines);
        return new FineTuningData(path, s_tokenizer, options);
    }

    /// <summary>Roles and contents of a rendered dialogue.</summary>
    private static string Text(TrainingBatch batch)
    {
        var text = new StringBuilder();
        foreach (int token in batch.Rows[0])
        {
            if (token == s_tokenizer.EndOfHeaderId || token == s_tokenizer.EndOfTurnId)
                text.Append('|');
            else
                text.Append(s_tokenizer.Decode([token]));
        }
        return text.ToString().Replace("\n", "", StringComparison.Ordinal).TrimEnd('|');
    }
}
