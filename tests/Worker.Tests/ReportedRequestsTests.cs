using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Requests;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>Requests from public bug reports of other servers and clients of OpenAI's API.</summary>
public sealed class ReportedRequestsTests(TinyModel model)
{
    private const string Chat = """{"model":"tiny","messages":[{"role":"user","content":"hi"}]}""";

    [Theory]
    // github.com/LostRuins/koboldcpp/issues/1503: clients send null for parameters that they leave open.
    [InlineData("\"seed\":null,\"temperature\":null,\"top_p\":null,\"max_tokens\":null")]
    // github.com/ray-project/ray/issues/53144: null stops.
    [InlineData("\"stop\":null")]
    // github.com/ollama/ollama/issues/3629 and langtail/langtail-node/pull/42: an empty list of stops is none.
    [InlineData("\"stop\":[]")]
    public void Parameters_that_are_absent_in_fact_are_accepted(string parameters) => Assert.NotNull(Create(With(parameters)));

    [Theory]
    // github.com/gpustack/gpustack/issues/4057: a client that halves an odd context.
    [InlineData("\"max_tokens\":6000.5", "invalid_value", "max_tokens")]
    // github.com/diffbot/code-gpt-docs/issues/273: a number as text.
    [InlineData("\"max_tokens\":\"1000\"", "invalid_value", "max_tokens")]
    // github.com/langchain-ai/langgraph/issues/5943: OpenAI's own code for both names.
    [InlineData("\"max_tokens\":16,\"max_completion_tokens\":16", "invalid_parameter_combination", "max_tokens")]
    // github.com/sgl-project/sglang/issues/22144: a list that holds null stopped the whole server.
    [InlineData("\"stop_token_ids\":[null]", "unknown_parameter", "stop_token_ids")]
    [InlineData("\"stop\":[null]", "invalid_value", "stop")]
    // github.com/vllm-project/vllm/issues/13881: reported in a log and otherwise ignored.
    [InlineData("\"top_logprobs\":5", "invalid_value", "top_logprobs")]
    public void Parameters_that_cannot_be_obeyed_are_named(string parameters, string code, string name) =>
        AssertRefused(With(parameters), code, name);

    [Theory]
    // github.com/vllm-project/vllm/pull/10463: a client's own fields in messages.
    [InlineData("""{"role":"system","content":"a","id":1947269257}""", "unknown_parameter", "messages[0].id")]
    [InlineData("""{"role":"system","content":"a","opts":{"visible":false}}""", "unknown_parameter", "messages[0].opts")]
    // github.com/abetlen/llama-cpp-python/issues/1805: a call of a tool without content.
    [InlineData("""{"role":"assistant","tool_calls":[{"id":"call__0"}]}""", "unsupported_parameter", "messages[0].tool_calls")]
    [InlineData("""{"role":"tool","tool_call_id":"call__0","content":"10.05"}""", "invalid_value", "messages[0].role")]
    // github.com/vercel/ai/pull/14950: null content without a call of a tool.
    [InlineData("""{"role":"assistant","content":null}""", "invalid_value", "messages[0].content")]
    public void Messages_that_cannot_be_obeyed_are_named(string message, string code, string name) =>
        AssertRefused(Messages(message), code, name);

    [Theory]
    // github.com/vllm-project/vllm/issues/12864: a participant's name was an error.
    [InlineData("""{"role":"user","content":"hello","name":"bob"}""")]
    // github.com/vercel/ai/pull/14950: empty content is content.
    [InlineData("""{"role":"assistant","content":""}""")]
    public void Messages_that_can_be_obeyed_are_accepted(string message) => Assert.NotNull(Create(Messages(message)));

    private static string With(string parameters) => Chat[..^1] + "," + parameters + "}";

    private static string Messages(string first) => $$"""{"model":"tiny","messages":[{{first}},{"role":"user","content":"hi"}]}""";

    private void AssertRefused(string body, string code, string name)
    {
        var exception = Assert.Throws<LineException>(() => Create(body));

        Assert.Equal((code, name), (exception.Error.Code, exception.Error.Param));
        Assert.Contains(name, exception.Message, StringComparison.Ordinal);
    }

    private ILineJob Create(string body) =>
        LineJobs.Create(
            BatchEndpoint.ChatCompletions, JsonSerializer.Deserialize<JsonElement>(body), model.Loaded, seed: 7, DateTimeOffset.UnixEpoch);
}
