using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;
using static LLaDA.Batch.Worker.Tests.LineBodies;

namespace LLaDA.Batch.Worker.Tests;

public sealed class LineJobsTests(TinyModel model)
{
    [Theory]
    [InlineData("\"n\": 1, \"user\": \"me\", \"metadata\": {\"a\":\"b\"}, \"tools\": [], \"response_format\": {\"type\":\"text\"}")]
    [InlineData("\"presence_penalty\": 0, \"frequency_penalty\": 0, \"logit_bias\": {}, \"stream\": false, \"logprobs\": null")]
    [InlineData("\"temperature\": null, \"steps\": null")]
    public void Parameters_that_ask_for_nothing_are_passed_over(string parameters)
    {
        foreach (var (endpoint, body) in Bodies)
            Assert.NotNull(model.CreateJob(endpoint, With(body, parameters)));
    }

    [Theory]
    [InlineData(
        """{"role":"assistant","content":"a","refusal":null,"audio":null,"function_call":null,"tool_calls":null,"anything":null}""")]
    [InlineData("""{"role":"assistant","content":"a","tool_calls":[],"annotations":[]}""")]
    [InlineData("""{"role":"user","content":"a","name":"ada"}""")]
    [InlineData("""{"role":"user","content":[{"type":"text","text":"a","annotations":null}]}""")]
    public void Parts_of_a_message_that_ask_for_nothing_change_nothing(string message)
    {
        IReadOnlyList<int> Canvas(string last) =>
            FirstRow(
                model.CreateJob(BatchEndpoint.ChatCompletions,
                $$"""{"model":"tiny","messages":[{"role":"user","content":"hi"},{{last}}]}""")).Canvas;
        string role = JsonNode.Parse(message)!["role"]!.GetValue<string>();

        Assert.Equal(Canvas($$"""{"role":"{{role}}","content":"a"}"""), Canvas(message));
    }

    [Theory]
    [InlineData("4")]
    [InlineData("4.0")]
    [InlineData("4e0")]
    [InlineData("40E-1")]
    [InlineData("0.4e1")]
    public void A_whole_number_is_whole_in_every_notation(string number)
    {
        foreach (string name in new[] { "steps", "seed", "cache_refresh" })
        {
            string body = With(Bodies[BatchEndpoint.Infill], $"\"{name}\":{number},\"cache\":\"dual\"");
            Assert.NotNull(model.CreateJob(BatchEndpoint.Infill, body));
        }
        string twice = With(Bodies[BatchEndpoint.Completions], $"\"max_tokens\":{number},\"seed\":{number}");
        var completion = FirstRow(model.CreateJob(BatchEndpoint.Completions, twice));

        Assert.Equal(4, completion.Canvas.Count(token => token == model.Loaded.MaskTokenId));
        Assert.Equal(4UL, completion.Options.Seed);
    }

    [Theory]
    [InlineData("\"max_tokens\":3,\"max_completion_tokens\":null")]
    [InlineData("\"max_tokens\":null,\"max_completion_tokens\":3")]
    public void A_name_of_the_most_new_tokens_that_is_null_is_absent(string parameters)
    {
        var row = FirstRow(model.CreateJob(BatchEndpoint.ChatCompletions, With(Bodies[BatchEndpoint.ChatCompletions], parameters)));

        Assert.Equal(3, row.Canvas.Count(token => token == model.Loaded.MaskTokenId));
    }

    [Fact]
    public void Diffusion_parameters_reach_the_sampler_from_every_endpoint()
    {
        foreach (var (endpoint, body) in Bodies)
        {
            string parameters =
                "\"steps\":5,\"block_length\":2,\"temperature\":0.7,\"top_p\":0.9,\"cfg_scale\":1.5,\"remasking\":\"random\"," +
                "\"logits_eos_inf\":true,\"confidence_eos_eot_inf\":true,\"seed\":-3," +
                "\"frequency_penalty\":0.5,\"presence_penalty\":-1";

            var options = FirstRow(model.CreateJob(endpoint, With(body, parameters))).Options;

            Assert.Equal((5, 2, 0.7, 0.9, 1.5), (options.Steps, options.BlockLength, options.Temperature, options.TopP, options.CfgScale));
            Assert.Equal((Remasking.Random, true, true), (options.Remasking, options.ForbidsEos, options.DefersEos));
            Assert.Equal((unchecked((ulong)-3L), 0.5, -1.0), (options.Seed, options.FrequencyPenalty, options.PresencePenalty));
        }
    }

    [Fact]
    public void A_developer_speaks_as_the_system_does_in_training()
    {
        IReadOnlyList<int> Canvas(string role) =>
            FirstRow(
                model.CreateJob(BatchEndpoint.ChatCompletions,
                $$"""{"model":"tiny","messages":[{"role":"{{role}}","content":"the"},{"role":"user","content":"fox"}]}""")).Canvas;

        Assert.Equal(Canvas("system"), Canvas("developer"));
        Assert.NotEqual(Canvas("user"), Canvas("developer"));
    }

    [Fact]
    public void Caches_and_parallel_decoding_reach_the_sampler_from_every_endpoint()
    {
        foreach (var (endpoint, body) in Bodies)
        {
            const string parameters =
                "\"cache\":\"dual\",\"cache_refresh\":4,\"cache_vicinity\":3,\"threshold\":0.9,\"run_threshold\":0.5";
            var options = FirstRow(model.CreateJob(endpoint, With(body, parameters))).Options;

            Assert.Equal(
                (CachePolicy.Dual, 4, 3, 0.9, 0.5),
                (options.Cache, options.CacheRefresh, options.CacheVicinity, options.Threshold, options.RunThreshold));
            Assert.Equal(0.5, FirstRow(model.CreateJob(endpoint, With(body, "\"factor\":0.5"))).Options.Factor);
        }
    }

    [Fact]
    public void Only_what_may_end_stops_at_its_end()
    {
        bool Stops(string endpoint, string body) => FirstRow(model.CreateJob(endpoint, body)).Options.StopsAtEos;

        Assert.True(Stops(BatchEndpoint.Completions, """{"model":"tiny","prompt":"a"}"""));
        Assert.False(Stops(BatchEndpoint.Completions, """{"model":"tiny","prompt":"a","suffix":"b"}"""));
        Assert.False(Stops(BatchEndpoint.Infill, """{"model":"tiny","text":"a [MASK:2]"}"""));
        Assert.True(Stops(BatchEndpoint.ChatCompletions, """{"model":"tiny","messages":[{"role":"user","content":"a"}]}"""));
    }

    [Fact]
    public void A_line_without_a_seed_has_the_one_it_was_given()
    {
        foreach (var (endpoint, body) in Bodies)
            Assert.Equal(Seed, FirstRow(model.CreateJob(endpoint, body)).Options.Seed);
    }

    [Fact]
    public void Chat_has_one_beginning_and_ends_where_the_assistant_is_to_speak()
    {
        const string body = """
            {"model":"tiny","max_tokens":4,"messages":[
                {"role":"user","content":"a"},
                {"role":"assistant","content":[{"type":"text","text":"b"}]},
                {"role":"user","content":"c"}]}
            """;

        var canvas = FirstRow(model.CreateJob(BatchEndpoint.ChatCompletions, body)).Canvas;

        var tokenizer = model.Loaded.Tokenizer;
        Assert.Single(canvas, token => token == tokenizer.BeginningOfTextId);
        Assert.Equal(3, canvas.Count(token => token == tokenizer.EndOfTurnId));
        Assert.Equal(Enumerable.Repeat(model.Loaded.MaskTokenId, 4), canvas.TakeLast(4));
    }

    [Fact]
    public void Lengths_of_some_gaps_only_are_searched_at_once()
    {
        int asked = 0;
        string text = string.Concat(Enumerable.Repeat("the [MASK] ", LengthSearch.MaxSearches + 10));

        _ = model.CreateJob(BatchEndpoint.Infill, $$"""{"model":"tiny","text":"{{text}}"}""").RunAsync(new ModelOperations(
            _ =>
            {
                asked++;
                return new TaskCompletionSource<SampledRow>().Task;
            },
            (_, _, _, _, _) => throw new InvalidOperationException()), new LineProgress());

        Assert.Equal(LengthSearch.MaxSearches * InfillOptions.DefaultMaxGapLength, asked);
    }
}
