using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;
using LLaDA.Diffusion.Sampling;
using static LLaDA.Batch.Worker.Tests.LineBodies;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>Bodies of lines that no job can be made of.</summary>
public sealed class LineFaultTests(TinyModel model)
{
    public static TheoryData<string, string, string> Faults => new()
    {
        { "\"steps\": 0", "invalid_value", "steps" },
        { "\"steps\": 5000", "invalid_value", "steps" },
        { "\"steps\": \"ten\"", "invalid_value", "steps" },
        { "\"steps\": 2.5", "invalid_value", "steps" },
        { "\"block_length\": 0", "invalid_value", "block_length" },
        { "\"temperature\": -0.1", "invalid_value", "temperature" },
        { "\"temperature\": 1e9", "invalid_value", "temperature" },
        { "\"top_p\": 0", "invalid_value", "top_p" },
        { "\"top_p\": 1.5", "invalid_value", "top_p" },
        { "\"cfg_scale\": -1", "invalid_value", "cfg_scale" },
        { "\"remasking\": \"high_confidence\"", "invalid_value", "remasking" },
        { "\"logits_eos_inf\": 1", "invalid_value", "logits_eos_inf" },
        { "\"seed\": \"x\"", "invalid_value", "seed" },
        { "\"tools\": [{}]", "unsupported_parameter", "tools" },
        { "\"best_of\": 2", "unsupported_parameter", "best_of" },
        { "\"response_format\": {\"type\":\"json_object\"}", "unsupported_parameter", "response_format" },
        { "\"presence_penalty\": 2.5", "invalid_value", "presence_penalty" },
        { "\"frequency_penalty\": -2.1", "invalid_value", "frequency_penalty" },
        { "\"logit_bias\": {\"1\": 5}", "unsupported_parameter", "logit_bias" },
        { "\"stream\": true", "unsupported_parameter", "stream" },
        { "\"temprature\": 0.5", "unknown_parameter", "temprature" },
        { "\"run_threshold\": 0.5", "invalid_value", "run_threshold" },
        { "\"revision_strength\": 0.5", "invalid_value", "revision_strength" },
        { "\"revision_strength\": 0.5, \"remasking\": \"low_confidence\"", "invalid_value", "revision_strength" },
        { "\"revision_strength\": 1.5, \"remasking\": \"revision\"", "invalid_value", "revision_strength" },
        { "\"cache_refresh\": 4", "invalid_value", "cache_refresh" },
        { "\"cache_refresh\": 4, \"cache\": \"none\"", "invalid_value", "cache_refresh" },
        { "\"cache_vicinity\": 0", "invalid_value", "cache_vicinity" },
        { "\"cache_vicinity\": 3, \"cache\": \"prefix\"", "invalid_value", "cache_vicinity" },
    };

    [Theory]
    [InlineData("""{"model":"tiny","prompt":"the lazy","LONG":1}""", BatchEndpoint.Completions)]
    [InlineData("""{"model":"tiny","messages":[{"role":"user","content":"hi","LONG":1}]}""", BatchEndpoint.ChatCompletions)]
    [InlineData("""{"model":"tiny","messages":[{"role":"LONG","content":"hi"}]}""", BatchEndpoint.ChatCompletions)]
    [InlineData("""{"model":"tiny","messages":[{"role":"user","content":[{"type":"LONG"}]}]}""", BatchEndpoint.ChatCompletions)]
    [InlineData("""{"model":"tiny","text":"a [MASK:LONG]"}""", BatchEndpoint.Infill)]
    [InlineData("""{"model":"tiny","text":"a [MASK]","remasking":"LONG"}""", BatchEndpoint.Infill)]
    public void A_fault_quotes_at_most_200_characters_of_the_line(string body, string endpoint)
    {
        var failure = Assert.Throws<LineException>(() => model.CreateJob(endpoint, body.Replace("LONG", new string('Q', 5000))));

        Assert.InRange($"{failure.Error.Message}{failure.Error.Param}".Count(letter => letter == 'Q'), 0, 200);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_parameter_that_cannot_be_obeyed_fails_the_line_by_name(string parameter, string code, string name)
    {
        foreach (var (endpoint, body) in Bodies)
        {
            var exception = Assert.Throws<LineException>(() => model.CreateJob(endpoint, With(body, parameter)));

            Assert.Equal((code, name), (exception.Error.Code, exception.Error.Param));
            Assert.Contains(name, exception.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(BatchEndpoint.Infill, """{"model":"tiny"}""", "missing_required_parameter")]
    [InlineData(BatchEndpoint.Infill, """{"model":"tiny","text":5}""", "invalid_value")]
    [InlineData(BatchEndpoint.Infill, """{"model":"tiny","text":"no gap"}""", "no_gap")]
    [InlineData(BatchEndpoint.Infill, """{"model":"tiny","text":"\\[MASK:3] is literal"}""", "no_gap")]
    [InlineData(BatchEndpoint.Infill, """{"model":"tiny","text":"a [MASK:0]"}""", "empty_gap")]
    [InlineData(BatchEndpoint.Infill, """{"model":"tiny","text":"a [MASK:63]"}""", "context_length_exceeded")]
    [InlineData(BatchEndpoint.Infill, """{"model":"tiny","text":"a [MASK:99999999999999999999]"}""", "context_length_exceeded")]
    [InlineData(BatchEndpoint.Completions, """{"model":"tiny"}""", "missing_required_parameter")]
    [InlineData(BatchEndpoint.Completions, """{"model":"tiny","prompt":["a"]}""", "invalid_value")]
    [InlineData(BatchEndpoint.Completions, """{"model":"tiny","prompt":"a","max_tokens":0}""", "invalid_value")]
    [InlineData(BatchEndpoint.Completions, """{"model":"tiny","prompt":"a","max_tokens":64}""", "context_length_exceeded")]
    [InlineData(BatchEndpoint.Completions, """{"model":"tiny","prompt":"a","stop":["","b"]}""", "invalid_value")]
    [InlineData(BatchEndpoint.ChatCompletions, """{"model":"tiny","messages":[]}""", "missing_required_parameter")]
    [InlineData(BatchEndpoint.ChatCompletions, """{"model":"tiny","messages":[{"role":"robot","content":"x"}]}""", "invalid_value")]
    [InlineData(BatchEndpoint.ChatCompletions, """{"model":"tiny","messages":[{"role":"user"}]}""", "invalid_value")]
    [InlineData(
        BatchEndpoint.ChatCompletions, """{"model":"tiny","messages":[{"role":"user","content":[{"type":"image_url"}]}]}""",
        "invalid_value")]
    [InlineData(
        BatchEndpoint.ChatCompletions, """{"model":"tiny","messages":[{"role":"user","content":[{"type":1,"text":"x"}]}]}""",
        "invalid_value")]
    [InlineData(BatchEndpoint.ChatCompletions, """{"model":"tiny","messages":[{"role":1,"content":"x"}]}""", "invalid_value")]
    [InlineData(BatchEndpoint.ChatCompletions, """{"model":"tiny","messages":[5]}""", "invalid_value")]
    [InlineData(BatchEndpoint.Infill, """{"model":"tiny","text":"a [MASK]","max_gap_length":0}""", "invalid_value")]
    [InlineData(BatchEndpoint.Infill, """{"model":"tiny","text":"a [MASK]","max_gap_length":63}""", "invalid_value")]
    [InlineData(BatchEndpoint.Score, """{"model":"tiny","prompt":"a"}""", "missing_required_parameter")]
    [InlineData(BatchEndpoint.Score, """{"model":"tiny","completions":["a"]}""", "missing_required_parameter")]
    [InlineData(BatchEndpoint.Score, """{"model":"tiny","prompt":"a","completions":[]}""", "invalid_value")]
    [InlineData(BatchEndpoint.Score, """{"model":"tiny","prompt":"a","completions":["b",5]}""", "invalid_value")]
    [InlineData(BatchEndpoint.Score, """{"model":"tiny","prompt":"a","completions":[""]}""", "invalid_value")]
    [InlineData(BatchEndpoint.Score, """{"model":"tiny","prompt":"a","completions":["b"],"num_samples":0}""", "invalid_value")]
    [InlineData(BatchEndpoint.Score, """{"model":"tiny","prompt":"a","completions":["b"],"steps":5}""", "unknown_parameter")]
    [InlineData(BatchEndpoint.Completions, """{"model":"tiny","prompt":"a","threshold":0.9,"factor":1}""", "invalid_value")]
    [InlineData(BatchEndpoint.Completions, """{"model":"tiny","prompt":"a","cache":"triple"}""", "invalid_value")]
    public void A_body_that_cannot_be_run_fails_the_line(string endpoint, string body, string code) =>
        Assert.Equal(code, Assert.Throws<LineException>(() => model.CreateJob(endpoint, body)).Error.Code);

    [Theory]
    [InlineData("""{"role":"assistant","content":"a","tool_calls":[{"id":"1"}]}""", "unsupported_parameter", "messages[1].tool_calls")]
    [InlineData(
        """{"role":"assistant","content":"a","function_call":{"name":"f"}}""", "unsupported_parameter", "messages[1].function_call")]
    [InlineData("""{"role":"assistant","content":"a","refusal":"no"}""", "unsupported_parameter", "messages[1].refusal")]
    [InlineData("""{"role":"assistant","content":"a","audio":{"id":"1"}}""", "unsupported_parameter", "messages[1].audio")]
    [InlineData("""{"role":"user","content":"a","name":5}""", "unsupported_parameter", "messages[1].name")]
    [InlineData("""{"role":"user","content":"a","weight":1}""", "unknown_parameter", "messages[1].weight")]
    [InlineData(
        """{"role":"user","content":[{"type":"text","text":"a","cache":1}]}""", "unknown_parameter", "messages[1].content[0].cache")]
    [InlineData("""{"role":"user","content":[{"type":"text","text":"a"},"b"]}""", "invalid_value", "messages[1].content[1]")]
    [InlineData("""{"role":"user","content":[{"type":"text","text":null}]}""", "missing_required_parameter", "messages[1].content[0].text")]
    [InlineData("""{"role":"user","content":{"text":"a"}}""", "invalid_value", "messages[1].content")]
    [InlineData("[]", "invalid_value", "messages[1]")]
    public void A_part_of_a_message_that_cannot_be_obeyed_fails_the_line_by_name(string message, string code, string path)
    {
        string body = $$"""{"model":"tiny","messages":[{"role":"user","content":"hi"},{{message}}]}""";

        var exception = Assert.Throws<LineException>(() => model.CreateJob(BatchEndpoint.ChatCompletions, body));

        Assert.Equal((code, path), (exception.Error.Code, exception.Error.Param));
        Assert.Contains(path, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("4.5")]
    [InlineData("\"4\"")]
    [InlineData("4e-1")]
    [InlineData("2147483648")]
    [InlineData("4e30")]
    [InlineData("true")]
    public void Anything_else_is_no_whole_number(string value)
    {
        var exception = Assert.Throws<LineException>(
            () => model.CreateJob(BatchEndpoint.Completions, With(Bodies[BatchEndpoint.Completions], $"\"max_tokens\":{value}")));

        Assert.Equal(("invalid_value", "max_tokens"), (exception.Error.Code, exception.Error.Param));
    }

    [Theory]
    [InlineData("\"max_tokens\":4,\"max_completion_tokens\":4", "invalid_parameter_combination", "max_tokens")]
    [InlineData("\"max_tokens\":null,\"max_completion_tokens\":0", "invalid_value", "max_completion_tokens")]
    [InlineData("\"max_completion_tokens\":99", "context_length_exceeded", "max_completion_tokens")]
    public void The_most_new_tokens_are_named_once_and_an_error_names_the_name_that_was_used(string parameters, string code, string name)
    {
        var exception = Assert.Throws<LineException>(
            () => model.CreateJob(BatchEndpoint.ChatCompletions, With(Bodies[BatchEndpoint.ChatCompletions], parameters)));

        Assert.Equal((code, name), (exception.Error.Code, exception.Error.Param));
    }

    [Fact]
    public void A_prompt_longer_than_the_context_is_reported_with_its_length()
    {
        string body = JsonSerializer.Serialize(new { model = "tiny", prompt = string.Concat(Enumerable.Repeat("zebra ", 100)) });

        var exception = Assert.Throws<LineException>(() => model.CreateJob(BatchEndpoint.Completions, body));

        Assert.Equal("context_length_exceeded", exception.Error.Code);
        Assert.Contains($"{TinyModel.ContextLength}", exception.Message, StringComparison.Ordinal);
    }
}
