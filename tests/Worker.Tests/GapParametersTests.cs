using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>What a line says about the fills of its gaps.</summary>
public sealed class GapParametersTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private readonly PlannedShards _planned = new(fixture, model);

    [Fact]
    public async Task An_answer_names_the_choice_and_the_probabilities_of_all()
    {
        var answer = await RunAsync(
            """{"text":"the [MASK] fox [MASK:2]","choices":{"0":["quick","lazy brown"," dog"]},"num_samples":4,"logprobs":true}""");

        var (made, sampled) = (answer["spans"]![0]!, answer["spans"]![1]!);
        var choices = made["choices"]!.AsArray();
        Assert.Equal(["quick", "lazy brown", " dog"], choices.Select(choice => choice!["text"]!.GetValue<string>()));
        double[] probabilities = [.. choices.Select(choice => choice!["probability"]!.GetValue<double>())];
        double[] likelihoods = [.. choices.Select(choice => choice!["log_likelihood"]!.GetValue<double>())];
        int best = made["choice"]!.GetValue<int>();
        Assert.Equal(1, probabilities.Sum(), 1e-3);
        Assert.Equal((best, best), (Array.IndexOf(probabilities, probabilities.Max()), Array.IndexOf(likelihoods, likelihoods.Max())));
        string text = made["text"]!.GetValue<string>();
        Assert.Equal(" " + choices[best]!["text"]!.GetValue<string>().TrimStart(), text);
        Assert.StartsWith($"the{text} fox ", answer["text"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Null(made["logprobs"]);
        Assert.Null(sampled["choice"] ?? sampled["choices"]);
        Assert.Equal(2, sampled["logprobs"]!["content"]!.AsArray().Count);
        Assert.Equal(
            made["tokens"]!.GetValue<int>() + 2, answer["usage"]!["completion_tokens"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("\"digits\"", @"^[0-9]+$", @"^[0-9]+$")]
    [InlineData("{\"0\":\"word\",\"1\":\"digits\"}", @"^\p{L}[\p{L}\p{M}]*$", @"^[0-9]+$")]
    [InlineData("{\"1\":\"word\",\"0\":null}", null, @"^\p{L}[\p{L}\p{M}]*$")]
    public async Task A_pattern_is_one_of_all_gaps_or_by_gap(string pattern, string? first, string second)
    {
        var spans = (await RunAsync($$"""{"text":"the [MASK:3] fox [MASK]","pattern":{{pattern}}}"""))["spans"]!;

        string Fill(int gap) => spans[gap]!["text"]!.GetValue<string>()[1..];
        if (first is not null)
            Assert.Matches(first, Fill(0));
        Assert.Matches(second, Fill(1));
    }

    [Theory]
    [InlineData("\"pattern\":\"number\"", "invalid_value", "pattern")]
    [InlineData("\"pattern\":\"Digits\"", "invalid_value", "pattern")]
    [InlineData("\"pattern\":3", "invalid_value", "pattern")]
    [InlineData("\"pattern\":{\"0\":\"number\"}", "invalid_value", "pattern.0")]
    [InlineData("\"pattern\":{\"0\":1}", "invalid_value", "pattern.0")]
    [InlineData("\"pattern\":{\"9\":\"word\"}", "invalid_value", "pattern.9")]
    [InlineData("\"pattern\":{\"00\":\"word\"}", "invalid_value", "pattern.00")]
    [InlineData("\"choices\":[\"a\",\"b\"]", "invalid_value", "choices")]
    [InlineData("\"choices\":{\"first\":[\"a\",\"b\"]}", "invalid_value", "choices.first")]
    [InlineData("\"choices\":{\"+0\":[\"a\",\"b\"]}", "invalid_value", "choices.+0")]
    [InlineData("\"choices\":{\"0\":\"a\"}", "invalid_value", "choices.0")]
    [InlineData("\"choices\":{\"0\":[\"a\",2]}", "invalid_value", "choices.0")]
    [InlineData("\"choices\":{\"0\":[]}", "invalid_value", "choices.0")]
    [InlineData("\"choices\":{\"0\":[\"a\"]}", "invalid_value", "choices.0")]
    [InlineData("\"choices\":{\"0\":[\"a\",\"\"]}", "invalid_value", "choices.0[1]")]
    [InlineData("\"choices\":{\"0\":[\"a\",\"a\"]}", "invalid_value", "choices.0[1]")]
    [InlineData("\"choices\":{\"2\":[\"a\",\"b\"]}", "invalid_value", "choices.2")]
    [InlineData("\"choices\":{\"1\":[\"a\",\"b\"]}", "invalid_value", "choices.1")]
    [InlineData("\"choices\":{\"0\":[\"a\",\"b\"]},\"pattern\":{\"0\":\"word\"}", "invalid_parameter_combination", "pattern.0")]
    [InlineData("\"choices\":{\"0\":[\"a\",\"b\"]},\"num_samples\":0", "invalid_value", "num_samples")]
    [InlineData("\"choices\":{\"0\":[\"a\",\"b\"]},\"num_samples\":1025", "invalid_value", "num_samples")]
    [InlineData("\"num_samples\":4", "invalid_value", "num_samples")]
    [InlineData("\"n\":2", "unsupported_parameter", "n")]
    [InlineData("\"top_logprobs\":2", "invalid_value", "top_logprobs")]
    public void What_makes_no_sense_is_refused_by_name(string parameters, string code, string name)
    {
        var refusal = Assert.Throws<LineException>(() => Create($$"""{"text":"the [MASK] fox [MASK:2]",{{parameters}}}"""));

        Assert.Equal((code, name), (refusal.Error.Code, refusal.Error.Param));
        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tokens_that_are_listed_count_as_tokens_in_gaps()
    {
        string text = string.Concat(Enumerable.Repeat("[MASK:60] a ", 300));

        Assert.NotNull(Create($$"""{"text":"{{text}}","logprobs":true,"top_logprobs":10}"""));
        var refusal = Assert.Throws<LineException>(() => Create($$"""{"text":"{{text}}","logprobs":true,"top_logprobs":20}"""));
        Assert.Equal("too_many_masked_tokens", refusal.Error.Code);
    }

    public void Dispose() => _planned.Dispose();

    private ILineJob Create(string body)
    {
        var request = JsonNode.Parse(body)!;
        request["model"] = TinyModel.Id;
        return LineJobs.Create(
            BatchEndpoint.Infill, JsonSerializer.SerializeToElement(request), model.Loaded, seed: 7, DateTimeOffset.UnixEpoch);
    }

    private async Task<JsonNode> RunAsync(string body)
    {
        await _planned.CreateAsync([]);
        using var lease = await _planned.Models.AcquireAsync(new ModelSource(TinyModel.Id), isExclusive: false, CancellationToken.None);
        using var operations = lease.Model.Operations("tenant", CancellationToken.None);
        return JsonSerializer.SerializeToNode((await Create(body).RunAsync(operations, new LineProgress())).Body, WireJson.Options)!;
    }
}
