using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>Log-probabilities in OpenAI's shapes; the sampling itself is scripted here.</summary>
public sealed class LogprobsTests(TinyModel model)
{
    [Fact]
    public void Chat_lists_each_token_with_its_bytes_and_the_likeliest()
    {
        var logprobs = Run(
            BatchEndpoint.ChatCompletions,
            """{"messages":[{"role":"user","content":"hi"}],"max_tokens":3,"logprobs":true,"top_logprobs":2}""",
            Tokens(" lazy dog"))["choices"]![0]!["logprobs"]!;

        Assert.Null(logprobs["refusal"]);
        var content = logprobs["content"]!.AsArray();
        Assert.Equal([" lazy", " dog"], content.Select(token => token!["token"]!.GetValue<string>()));
        Assert.Equal([-0.5, -0.5], content.Select(token => token!["logprob"]!.GetValue<double>()));
        Assert.Equal(
            Encoding.UTF8.GetBytes(" dog").Select(value => (int)value),
            content[1]!["bytes"]!.AsArray().Select(value => value!.GetValue<int>()));
        // The end of text has a name and no bytes, and JSON has no infinity.
        Assert.Equal(
            """[{"token":" fox","logprob":-0.123457,"bytes":[32,102,111,120]},{"token":"<|endoftext|>","logprob":-9999,"bytes":null}]""",
            content[0]!["top_logprobs"]!.ToJsonString(WireJson.Options));
    }

    [Fact]
    public void Completions_have_the_older_lists_and_offsets_in_characters()
    {
        int[] text = [.. Tokens(" lazy"), .. Tokens("é"), .. Tokens("🙂 dog")];

        var logprobs = Run(
            BatchEndpoint.Completions, $$"""{"prompt":"the","max_tokens":{{text.Length}},"logprobs":2}""", text)
            ["choices"]![0]!["logprobs"]!;

        string[] tokens = [.. logprobs["tokens"]!.AsArray().Select(token => token!.GetValue<string>())];
        Assert.Equal(" lazy", tokens[0]);
        Assert.Equal(["bytes:\\xc3", "bytes:\\xa9"], tokens[1..3]);
        Assert.Equal(" dog", tokens[^1]);
        Assert.Equal([0, 5, 5, 6, 6, 6, 6, 7], logprobs["text_offset"]!.AsArray().Select(offset => offset!.GetValue<int>()));
        Assert.All(logprobs["token_logprobs"]!.AsArray(), value => Assert.Equal(-0.5, value!.GetValue<double>()));
        Assert.Equal(
            """{" fox":-0.123457,"<|endoftext|>":-9999," dog":-0.5}""",
            logprobs["top_logprobs"]!.AsArray()[^1]!.ToJsonString(WireJson.Options));
    }

    [Fact]
    public void Tokens_behind_a_stop_text_have_none()
    {
        var choice = Run(
            BatchEndpoint.Completions, """{"prompt":"the","max_tokens":3,"logprobs":0,"stop":["og f"]}""", Tokens(" lazy dog fox"))
            ["choices"]![0]!;

        Assert.Equal(" lazy d", choice["text"]!.GetValue<string>());
        Assert.Equal([" lazy", " dog"], choice["logprobs"]!["tokens"]!.AsArray().Select(token => token!.GetValue<string>()));
    }

    [Fact]
    public void They_are_there_for_those_who_ask()
    {
        Assert.Null(Run(BatchEndpoint.Completions, """{"prompt":"the","max_tokens":1,"logprobs":false}""", Tokens(" fox"))
            ["choices"]![0]!["logprobs"]);
        Assert.Null(Run(
            BatchEndpoint.ChatCompletions, """{"messages":[{"role":"user","content":"hi"}],"logprobs":false,"top_logprobs":0}""",
            Tokens(" fox"))["choices"]![0]!["logprobs"]);
    }

    [Theory]
    [InlineData(BatchEndpoint.ChatCompletions, "\"logprobs\":1", "logprobs")]
    [InlineData(BatchEndpoint.ChatCompletions, "\"logprobs\":true,\"top_logprobs\":21", "top_logprobs")]
    [InlineData(BatchEndpoint.ChatCompletions, "\"logprobs\":true,\"top_logprobs\":-1", "top_logprobs")]
    [InlineData(BatchEndpoint.ChatCompletions, "\"top_logprobs\":2", "top_logprobs")]
    [InlineData(BatchEndpoint.Completions, "\"logprobs\":true", "logprobs")]
    [InlineData(BatchEndpoint.Completions, "\"logprobs\":6", "logprobs")]
    [InlineData(BatchEndpoint.Completions, "\"logprobs\":0.5", "logprobs")]
    [InlineData(BatchEndpoint.Completions, "\"logprobs\":1,\"top_logprobs\":2", "top_logprobs")]
    public void What_has_another_form_is_refused_by_name(string endpoint, string parameters, string name)
    {
        string body = endpoint == BatchEndpoint.Completions
            ? "\"prompt\":\"the\""
            : "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

        var refusal = Assert.Throws<LineException>(() => Run(endpoint, $"{{{body},{parameters}}}", [0]));

        Assert.Equal(name, refusal.Error.Param);
        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
    }

    private int[] Tokens(string text) => [.. model.Loaded.Tokenizer.Encode(text)];

    /// <summary>Fills the masks with tokens, and with the end of text behind them.</summary>
    private JsonNode Run(string endpoint, string body, int[] tokens)
    {
        var request = JsonNode.Parse(body)!;
        request["model"] = TinyModel.Id;
        var job = LineJobs.Create(endpoint, JsonSerializer.SerializeToElement(request), model.Loaded, seed: 1, DateTimeOffset.UnixEpoch);
        using var operations = new ModelOperations(
            row => Task.FromResult(Sampled(row, tokens)), (_, _, _, _, _) => throw new InvalidOperationException());
        var answer = job.RunAsync(operations, new LineProgress()).GetAwaiter().GetResult();
        return JsonSerializer.SerializeToNode(answer.Body, WireJson.Options)!;
    }

    private SampledRow Sampled(SamplingRow row, int[] tokens)
    {
        int end = model.Loaded.Tokenizer.EndOfTextId;
        TokenLogProbability[] likely = [new(Tokens(" fox")[0], -0.123456789), new(end, double.NegativeInfinity)];
        var top = likely.Take(row.NumTop ?? 0);
        int[] canvas = [.. row.Canvas];
        var filled = new Queue<int>(tokens);
        for (int position = 0; position < canvas.Length; position++)
        {
            if (canvas[position] == model.Loaded.MaskTokenId)
                canvas[position] = filled.TryDequeue(out int token) ? token : end;
        }
        return new SampledRow(canvas, [.. canvas.Select(_ => 1.0)], NumForwards: 1, canvas.Length)
        {
            LogProbabilities = row.NumTop is null
                ? null
                : [.. row.Canvas.Select(token => token == model.Loaded.MaskTokenId ? new TokenLogProbabilities(-0.5, [.. top]) : null)],
        };
    }
}
