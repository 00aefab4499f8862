using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Tests;

/// <summary><c>n</c>: several answers to one prompt.</summary>
public sealed class SeveralAnswersTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private const int Seed = 7;
    private const string Completion = """{"prompt":"the quick","max_tokens":6,"temperature":1.5,"trace":true,"logprobs":2}""";
    private const string Between = """{"prompt":"the","suffix":" fox","max_tokens":5,"temperature":1.5}""";
    private const string Chat =
        """{"messages":[{"role":"user","content":"hi"}],"max_tokens":6,"temperature":1.5,"logprobs":true,"top_logprobs":3}""";

    private readonly PlannedShards _planned = new(fixture, model);

    public static TheoryData<string, string> Lines => new()
    {
        { BatchEndpoint.Completions, Completion }, { BatchEndpoint.Completions, Between }, { BatchEndpoint.ChatCompletions, Chat },
    };

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task They_are_those_of_single_lines_with_the_derived_seeds(string endpoint, string body)
    {
        using var lease = await LeaseAsync();
        using var operations = lease.Model.Operations("tenant", CancellationToken.None);
        var several = await AnswerAsync(operations, endpoint, With(body, "n", 3));
        var singles = new JsonArray();
        int numTokens = 0;
        for (int index = 0; index < 3; index++)
        {
            long seed = unchecked((long)new SamplingOptions { Seed = Seed }.OfAnswer(index).Seed);
            var single = await AnswerAsync(operations, endpoint, With(body, "seed", seed));
            var choice = Assert.Single(single["choices"]!.AsArray())!.DeepClone();
            choice["index"] = index;
            singles.Add(choice);
            numTokens += single["usage"]!["completion_tokens"]!.GetValue<int>();
        }

        Assert.Equal(singles.ToJsonString(), several["choices"]!.ToJsonString());
        Assert.Equal(numTokens, several["usage"]!["completion_tokens"]!.GetValue<int>());
        Assert.NotEqual(1, singles.Select(choice => (choice!["text"] ?? choice["message"]!["content"])!.ToJsonString()).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task One_is_what_a_line_has_that_does_not_ask(string endpoint, string body)
    {
        using var lease = await LeaseAsync();
        using var operations = lease.Model.Operations("tenant", CancellationToken.None);

        var (one, silent) = (
            await AnswerAsync(operations, endpoint, With(body, "n", 1)), await AnswerAsync(operations, endpoint, JsonNode.Parse(body)!));

        Assert.Equal(silent["choices"]!.ToJsonString(), one["choices"]!.ToJsonString());
        Assert.Equal(silent["usage"]!.ToJsonString(), one["usage"]!.ToJsonString());
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task A_line_that_was_set_aside_resumes_with_its_finished_answers(string endpoint, string body)
    {
        using var lease = await LeaseAsync();
        using var operations = lease.Model.Operations("tenant", CancellationToken.None);
        var request = With(body, "n", 4);
        var undisturbed = await AnswerAsync(operations, endpoint, request);
        var progress = new LineProgress();
        int numStarted = 0;
        using var dying = Operations(row =>
            row.ForcedTokens is null && ++numStarted > 2 ? Task.FromCanceled<SampledRow>(new(true)) : operations.SampleAsync(row));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Create(endpoint, request).RunAsync(dying, progress));

        Assert.Equal(0.5, progress.Share);
        var state = JsonSerializer.Deserialize<LineState>(JsonSerializer.Serialize(progress.State, WireJson.Options), WireJson.Options)!;
        int numSampled = 0, numSearched = 0;
        using var counting = Operations(row =>
        {
            _ = row.ForcedTokens is null ? numSampled++ : numSearched++;
            return operations.SampleAsync(row);
        });
        var resumed = await AnswerAsync(counting, endpoint, request, new LineProgress(state, 0.5));

        Assert.Equal((2, 0), (numSampled, numSearched));
        Assert.Equal(undisturbed["choices"]!.ToJsonString(), resumed["choices"]!.ToJsonString());
        Assert.Equal(undisturbed["usage"]!.ToJsonString(), resumed["usage"]!.ToJsonString());
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public void Each_counts_its_own_work(string endpoint, string body)
    {
        long Work(int count) => Create(endpoint, With(body, "n", count)).Work.TokenForwards;

        Assert.Equal(Work(2) - Work(1), Work(16) - Work(15));
        Assert.Equal(15 * (Work(2) - Work(1)), Work(16) - Work(1));
        Assert.True(Work(2) > Work(1));
    }

    [Fact]
    public async Task Tokens_that_all_answers_took_over_from_other_lines_are_the_cached_ones()
    {
        int row = 0;
        using var operations = Operations(sampling => Task.FromResult(
            new SampledRow([.. sampling.Canvas], [.. sampling.Canvas.Select(_ => 1.0)], 1, 1) { NumReusedTokens = ++row * 8 }));

        var answer = await AnswerAsync(operations, BatchEndpoint.Completions, JsonNode.Parse("""{"prompt":"the","n":3}""")!);

        Assert.Equal(8, answer["usage"]!["prompt_tokens_details"]!["cached_tokens"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("0")]
    [InlineData("17")]
    [InlineData("2.5")]
    [InlineData("\"2\"")]
    public void Any_other_number_is_refused_by_name(string count)
    {
        foreach (var (endpoint, body) in Lines.Select(line => line.Data))
        {
            var request = JsonNode.Parse(body[..^1] + $",\"n\":{count}}}")!;
            Assert.Equal("n", Assert.Throws<LineException>(() => Create(endpoint, request)).Error.Param);
        }
    }

    public void Dispose() => _planned.Dispose();

    private static ModelOperations Operations(Func<SamplingRow, Task<SampledRow>> sample) =>
        new(sample, (_, _, _, _, _) => throw new InvalidOperationException());

    private static JsonNode With(string body, string name, long value)
    {
        var request = JsonNode.Parse(body)!;
        request[name] = value;
        return request;
    }

    private async Task<ModelLease> LeaseAsync()
    {
        await _planned.CreateAsync([]);
        return await _planned.Models.AcquireAsync(new ModelSource(TinyModel.Id), isExclusive: false, CancellationToken.None);
    }

    private ILineJob Create(string endpoint, JsonNode body)
    {
        body = body.DeepClone();
        body["model"] = TinyModel.Id;
        return LineJobs.Create(endpoint, JsonSerializer.SerializeToElement(body), model.Loaded, Seed, DateTimeOffset.UnixEpoch);
    }

    private async Task<JsonNode> AnswerAsync(ModelOperations operations, string endpoint, JsonNode body, LineProgress? progress = null) =>
        JsonSerializer.SerializeToNode(
            (await Create(endpoint, body).RunAsync(operations, progress ?? new LineProgress())).Body, WireJson.Options)!;
}
