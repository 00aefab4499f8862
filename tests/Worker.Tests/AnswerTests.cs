using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>What becomes of a sampled canvas; the sampling itself is scripted here.</summary>
public sealed class AnswerTests(TinyModel model)
{
    [Theory]
    [InlineData("InfillAnswer", typeof(InfillAnswer))]
    [InlineData("InfillSpan", typeof(InfillSpan))]
    [InlineData("ScoredChoice", typeof(ScoredChoice))]
    [InlineData("Logprobs", typeof(LineLogprobs))]
    [InlineData("CommittedToken", typeof(CommittedToken))]
    [InlineData("LikelyToken", typeof(LikelyToken))]
    public void An_answer_has_the_properties_that_the_description_of_the_API_names(string schema, Type type)
    {
        var document = JsonNode.Parse(typeof(RestApi).Assembly.GetManifestResourceStream("openapi.json")!)!;

        var described = document["components"]!["schemas"]![schema]!["properties"]!.AsObject().Select(property => property.Key);

        var properties = WireJson.Options.GetTypeInfo(type).Properties.Select(property => property.Name);
        Assert.Equal(properties.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_infilled_text_keeps_everything_outside_its_gaps()
    {
        var (answer, usage) = Run(BatchEndpoint.Infill, new { model = "tiny", text = "The [MASK:2], \\[MASK] \n and[MASK:1]." }, " fox");

        Assert.Equal("The fox fox, \\[MASK] \n and fox.", answer["text"]!.GetValue<string>());
        Assert.Equal([" fox fox", " fox"], answer["spans"]!.AsArray().Select(span => span!["text"]!.GetValue<string>()));
        Assert.Equal([2, 1], answer["spans"]!.AsArray().Select(span => span!["tokens"]!.GetValue<int>()));
        Assert.Equal([0, 1], answer["spans"]!.AsArray().Select(span => span!["index"]!.GetValue<int>()));
        Assert.Equal([0.25, 0.25], answer["spans"]!.AsArray().Select(span => span!["confidence"]!.GetValue<double>()));
        Assert.Equal(3, usage.CompletionTokens);
        Assert.Equal("infill", answer["object"]!.GetValue<string>());
    }

    [Theory]
    [InlineData(3, null, 3)]
    [InlineData(12, null, 8)]
    [InlineData(12, 20, 13)]
    [InlineData(5, 1, 1)]
    public void A_gap_of_unknown_length_takes_the_likeliest_up_to_the_bound(int wanted, int? bound, int expected)
    {
        // The text behind the gap is the likelier, the closer a candidate's length is to the wanted one.
        var (answer, _) = Run(
            BatchEndpoint.Infill, new { model = "tiny", text = "a [MASK] the lazy dog", max_gap_length = bound },
            row =>
                row.ForcedTokens is null
                    ? 0.25
                    : Math.Exp(-Math.Abs(row.Targets!.Count - row.ForcedTokens.Count - wanted) / (double)row.Targets.Count),
            " dog");

        Assert.Equal(expected, answer["spans"]![0]!["tokens"]!.GetValue<int>());
    }

    [Fact]
    public void Gaps_of_unknown_length_are_searched_each_with_the_others_masked()
    {
        List<SamplingRow> asked = [];
        var (answer, _) = Run(
            BatchEndpoint.Infill, new { model = "tiny", text = "a [MASK] the [MASK] dog [MASK:2]", max_gap_length = 4 }, asked.Add, " fox");

        Assert.Equal((2 * 4) + 1, asked.Count);
        Assert.All(
            asked[..8], row => Assert.Equal(2 + 2, row.Canvas.Count(token => token == model.Loaded.MaskTokenId) - row.Targets!.Count));
        Assert.Equal([1, 1, 2], answer["spans"]!.AsArray().Select(span => span!["tokens"]!.GetValue<int>()));
    }

    [Fact]
    public void A_completion_ends_at_the_end_of_the_text()
    {
        var (answer, usage) = Run(
            BatchEndpoint.Completions, new { model = "tiny", prompt = "the", max_tokens = 5 }, " lazy", " dog", null, " fox", " fox");

        Assert.Equal((" lazy dog", "stop"), Choice(answer, "text"));
        Assert.Equal(2, usage.CompletionTokens);
        Assert.Equal("text_completion", answer["object"]!.GetValue<string>());
    }

    [Fact]
    public void A_completion_without_an_end_says_that_it_was_cut()
    {
        var (answer, _) = Run(BatchEndpoint.Completions, new { model = "tiny", prompt = "the", max_tokens = 3 }, " lazy");

        Assert.Equal((" lazy lazy lazy", "length"), Choice(answer, "text"));
    }

    [Fact]
    public void A_stop_text_ends_a_completion_and_is_no_part_of_it()
    {
        var (answer, _) = Run(
            BatchEndpoint.Completions,
            new { model = "tiny", prompt = "the", max_tokens = 3, stop = new[] { "zebra", " dog" } },
            " lazy",
            " dog",
            " fox");

        Assert.Equal((" lazy", "stop"), Choice(answer, "text"));
    }

    [Fact]
    public void A_completion_with_a_suffix_fills_the_middle()
    {
        SamplingRow? sampled = null;
        var (answer, usage) = Run(
            BatchEndpoint.Completions, new { model = "tiny", prompt = "the quick", suffix = " jumps", max_tokens = 2 },
            row =>
            {
                sampled = row;
                return row.ForcedTokens is null || row.Targets!.Count - row.ForcedTokens.Count == 2 ? 0.9 : 0.1;
            }, " brown", " fox");

        var row = sampled!;
        Assert.Equal(model.Loaded.Tokenizer.EndOfTextId, row.Canvas[^1]);
        Assert.Equal(
            model.Loaded.Tokenizer.Encode(" jumps"), row.Canvas.SkipLast(1).TakeLast(model.Loaded.Tokenizer.Encode(" jumps").Count));
        Assert.True(row.Options.Forbidden!.Contains(model.Loaded.Tokenizer.EndOfTextId));

        Assert.Equal((" brown fox", "stop"), Choice(answer, "text"));
        Assert.Equal(2, usage.CompletionTokens);
    }

    [Fact]
    public void A_chat_answer_is_the_assistants_trimmed_message()
    {
        var (answer, _) = Run(
            BatchEndpoint.ChatCompletions,
            new { model = "tiny", messages = new[] { new { role = "user", content = "hi" } }, max_completion_tokens = 3 },
            " lazy",
            " dog",
            null);

        var choice = answer["choices"]![0]!;
        Assert.Equal(
            ("assistant", "lazy dog", "stop"),
            (Text(choice["message"]!["role"]), Text(choice["message"]!["content"]), Text(choice["finish_reason"])));

        static string Text(JsonNode? value) => value!.GetValue<string>();
        Assert.Equal("chat.completion", answer["object"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_score_names_the_likeliest_completion()
    {
        var job = LineJobs.Create(
            BatchEndpoint.Score,
            JsonSerializer.SerializeToElement(
                new { model = "tiny", prompt = "the quick ", completions = new[]
                    { "fox", "lazy dog", "dog" }, num_samples = 7, cfg_scale = 0.5 }),
            model.Loaded,
            seed: 9,
            DateTimeOffset.UnixEpoch);
        List<LikelihoodOptions> asked = [];
        var calls = new ModelOperations(_ => throw new InvalidOperationException(), (prompt, completion, options, _, _) =>
        {
            asked.Add(options);
            Assert.Equal([model.Loaded.Tokenizer.BeginningOfTextId, .. model.Loaded.Tokenizer.Encode("the quick")], prompt);
            return Task.FromResult(completion.SequenceEqual(model.Loaded.Tokenizer.Encode(" lazy dog")) ? -1.5 : -2);
        });

        var (body, usage) = await job.RunAsync(calls, new LineProgress());

        var answer = ToJson(body);
        Assert.Equal(1, answer["best"]!.GetValue<int>());
        Assert.Equal([-2, -1.5, -2], answer["scores"]!.AsArray().Select(score => score!["log_likelihood"]!.GetValue<double>()));
        Assert.Equal([3, 8, 3], answer["scores"]!.AsArray().Select(score => score!["bytes"]!.GetValue<int>()));
        Assert.All(asked, options => Assert.Equal((7, 0.5, 9UL), (options.NumSamples, options.CfgScale, options.Seed)));
        Assert.Equal(0, usage.CompletionTokens);
    }

    [Fact]
    public void Infilling_fills_more_gaps_than_are_searched_at_once()
    {
        const int numGaps = LengthSearch.MaxSearches + 10;

        var (answer, _) = Run(
            BatchEndpoint.Infill, new { model = TinyModel.Id, text = string.Concat(Enumerable.Repeat("the [MASK] ", numGaps)) }, " fox");

        Assert.Equal(string.Concat(Enumerable.Repeat("the fox ", numGaps)), answer["text"]!.GetValue<string>());
    }

    /// <summary>Fills each mask with the next of the words, the last one repeatedly; null stands for the end of the text.</summary>
    private (JsonNode Answer, LineUsage Usage) Run(string endpoint, object body, params string?[] words) =>
        Run(endpoint, body, _ => { }, words);

    private (JsonNode Answer, LineUsage Usage) Run(string endpoint, object body, Action<SamplingRow> asked, params string?[] words) => Run(
        endpoint, body,
        row =>
        {
            asked(row);
            return 0.25;
        }, words);

    /// <param name="confidence">Of every token of a canvas.</param>
    private (JsonNode Answer, LineUsage Usage) Run(
        string endpoint, object body, Func<SamplingRow, double> confidence, params string?[] words)
    {
        var job = LineJobs.Create(endpoint, JsonSerializer.SerializeToElement(body), model.Loaded, seed: 1, DateTimeOffset.UnixEpoch);
        var running = job.RunAsync(new ModelOperations(
            row => Task.FromResult(Sampled(row, confidence(row), words)),
            (_, _, _, _, _) => throw new InvalidOperationException()), new LineProgress());
        var (answer, usage) = running.GetAwaiter().GetResult();
        return (ToJson(answer), usage);
    }

    private SampledRow Sampled(SamplingRow row, double confidence, string?[] words)
    {
        int[] tokens = [.. row.Canvas];
        double[] confidences = [.. tokens.Select(_ => 1.0)];
        int[] masked = [.. Enumerable.Range(0, tokens.Length).Where(position => tokens[position] == model.Loaded.MaskTokenId)];
        foreach (var (number, position) in (row.Targets ?? masked).Index())
        {
            string? word = words[Math.Min(number, words.Length - 1)];
            tokens[position] = word is null ? model.Loaded.Tokenizer.EndOfTextId : Assert.Single(model.Loaded.Tokenizer.Encode(word));
            confidences[position] = confidence;
        }
        return new SampledRow(tokens, confidences, NumForwards: 1, tokens.Length);
    }

    private static JsonNode ToJson(object body) => JsonSerializer.SerializeToNode(body, WireJson.Options)!;

    private static (string Text, string FinishReason) Choice(JsonNode answer, string field) =>
        (answer["choices"]![0]![field]!.GetValue<string>(), answer["choices"]![0]!["finish_reason"]!.GetValue<string>());
}
