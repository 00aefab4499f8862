using System.Net;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Answers;

public sealed class AnswersTests(StorageFixture fixture)
{
    [Theory]
    [InlineData("/v1/infill", Answering.Infill)]
    [InlineData("/openai/v1/completions", """{"model":"org/model:1","prompt":"a"}""")]
    [InlineData("/v1/chat/completions", """{"model":"org/model:1","messages":[{"role":"user","content":"a"}],"stream":false}""")]
    [InlineData("/v1/score", """{"model":"org/model:1","prompt":"a","completions":["b"]}""")]
    public async Task A_line_is_answered_at_once_with_the_object_of_its_endpoint(string path, string body)
    {
        await using var plane = await StartAsync(fixture);
        var asking = plane.AskAsync(body, path);
        var answer = await plane.TakeAsync();
        var line = await plane.LineAsync(answer);
        Assert.Equal((true, path.Replace("/openai", "", StringComparison.Ordinal)), (answer.IsNow, answer.Endpoint));
        Assert.False(line.Body.TryGetProperty("stream", out _));
        await plane.AnswerAsync(answer, Answering.Filled);

        using var response = await plane.WhileTimePassesAsync(asking, Answering.Step);

        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("""{"object":"infill","text":"a filled b"}""", (await ReadAsync(response)).ToJsonString());
        await plane.EndedAsync(answer, BatchStatus.Completed);
        Assert.Equal(0, await plane.Batches.OpenAnswers.ListAsync(Tenant, CancellationToken.None).CountAsync());
    }

    [Fact]
    public async Task Answers_are_neither_among_batches_nor_among_files()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(1));
        var asking = plane.AskAsync();
        await plane.AnswerAsync(await plane.TakeAsync(), Answering.Filled);
        (await plane.WhileTimePassesAsync(asking, Answering.Step)).Dispose();

        foreach (string order in new[] { "asc", "desc" })
        {
            var batches = await ReadAsync(await plane.Client.GetAsync($"/v1/batches?order={order}"));
            Assert.Equal([batch.Id], batches["data"]!.AsArray().Select(row => row!["id"]!.GetValue<string>()));
        }
        Assert.Single((await ReadAsync(await plane.Client.GetAsync("/v1/files")))["data"]!.AsArray());
    }

    [Fact]
    public async Task A_request_that_the_worker_refuses_gets_its_error_as_if_it_were_asked_alone()
    {
        await using var plane = await StartAsync(fixture);
        var asking = plane.AskAsync("""{"model":"org/model:1","text":"a [MASK:2] b","steps":0}""");
        var error = new ApiError("steps must be at least 1", "invalid_request_error", "steps", "invalid_value");
        await plane.RefuseAsync(await plane.TakeAsync(), error);

        await AssertErrorAsync(await plane.WhileTimePassesAsync(asking, Answering.Step), HttpStatusCode.BadRequest, "steps");
    }

    [Fact]
    public async Task A_late_answer_is_fetched_by_its_id()
    {
        await using var plane = await StartAsync(fixture);
        var asking = plane.AskAsync();
        var answer = await plane.TakeAsync();

        using var late = await plane.WhileTimePassesAsync(asking, TimeSpan.FromSeconds(30));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, late.StatusCode);
        Assert.Equal("false", late.Headers.GetValues("x-should-retry").Single());
        Assert.NotNull(late.Headers.RetryAfter);
        Assert.Equal($"/v1/answers/{answer.Id}", late.Headers.Location!.ToString());
        Assert.Contains(answer.Id, await late.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var pending = await plane.Client.GetAsync(late.Headers.Location);
        Assert.Equal(HttpStatusCode.Accepted, pending.StatusCode);
        await plane.AnswerAsync(answer, Answering.Filled);
        Assert.Equal("a filled b", (await ReadAsync(await plane.Client.GetAsync(late.Headers.Location)))["text"]!.GetValue<string>());
        await plane.EndedAsync(answer, BatchStatus.Completed);
        Assert.Equal("a filled b", (await ReadAsync(await plane.Client.GetAsync(late.Headers.Location)))["text"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("respond-async, wait=2")]
    [InlineData("wait=0;x=1 , RESPOND-ASYNC, handling=lenient")]
    public async Task A_client_that_prefers_it_gets_the_place_of_a_late_answer(string preference)
    {
        await using var plane = await StartAsync(fixture);

        using var accepted = await plane.WhileTimePassesAsync(plane.AskAsync(headers: ("Prefer", preference)), TimeSpan.FromSeconds(1));

        var answer = await plane.TakeAsync();
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        Assert.Equal("respond-async", accepted.Headers.GetValues("Preference-Applied").Single());
        Assert.Equal($"/v1/answers/{answer.Id}", accepted.Headers.Location!.ToString());
        var body = JsonNode.Parse(await accepted.Content.ReadAsStringAsync())!;
        Assert.Equal(
            (answer.Id, "answer", "in_progress"),
            (body["id"]!.GetValue<string>(), body["object"]!.GetValue<string>(), body["status"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("wait=201")]
    [InlineData("wait=-1")]
    [InlineData("wait=soon")]
    [InlineData("wait")]
    public async Task A_wait_out_of_range_is_refused(string preference)
    {
        await using var plane = await StartAsync(fixture);

        await AssertErrorAsync(await plane.AskAsync(headers: ("Prefer", preference)), HttpStatusCode.BadRequest, "Prefer");
        Assert.Equal(0, await plane.CountAsync(Answering.Queue));
    }

    [Theory]
    [InlineData("""{"text":"a [MASK] b"}""", "/v1/infill", 400, "model")]
    [InlineData("""{"model":5,"text":"a [MASK] b"}""", "/v1/infill", 400, "model")]
    [InlineData("""{"model":"org/other","text":"a [MASK] b"}""", "/v1/infill", 404, "model")]
    [InlineData("""{"model":"org/model:1","text":"a [MASK] b","stream":"yes"}""", "/v1/infill", 400, "stream")]
    [InlineData("""{"model":"org/model:1","prompt":"a","completions":["b"],"stream":true}""", "/v1/score", 400, "stream")]
    [InlineData("""{"model":"org/model:1","text":"a","stream_options":{"more":1}}""", "/v1/infill", 400, "stream_options.more")]
    [InlineData("[]", "/v1/infill", 400, null)]
    [InlineData("{", "/v1/chat/completions", 400, null)]
    public async Task A_request_that_no_worker_could_answer_is_refused_before_anything_is_written(
        string body, string path, int status, string? parameter)
    {
        await using var plane = await StartAsync(fixture);

        await AssertErrorAsync(await plane.AskAsync(body, path), (HttpStatusCode)status, parameter);
        Assert.Equal(0, await plane.CountAsync(Answering.Queue));
        Assert.Empty(await plane.Batches.Records.ScanAsync("", CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task A_tenant_has_a_limited_number_of_answers_in_work_and_batches_do_not_count()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxActiveAnswers", "1"), ("Limits:MaxActiveBatches", "1"));
        await plane.PlannedAsync(Lines(1));
        var first = plane.AskAsync();
        var answer = await plane.TakeAsync();

        using var refused = await plane.AskAsync();

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        await plane.AnswerAsync(answer, Answering.Filled);
        (await plane.WhileTimePassesAsync(first, Answering.Step)).EnsureSuccessStatusCode();
        await plane.EndedAsync(answer, BatchStatus.Completed);
        using var other = await plane.WhileTimePassesAsync(plane.AskAsync(headers: ("Prefer", "wait=0, respond-async")), Answering.Step);
        Assert.Equal(HttpStatusCode.Accepted, other.StatusCode);
    }

    [Fact]
    public async Task Another_tenant_does_not_see_an_answer()
    {
        await using var plane = await StartAsync(fixture);
        using var accepted = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        using var stranger = await plane.NewClientAsync("stranger");

        await AssertErrorAsync(await stranger.GetAsync(accepted.Headers.Location), HttpStatusCode.NotFound, null);
        await AssertErrorAsync(await plane.Client.GetAsync("/v1/answers/answer_none"), HttpStatusCode.NotFound, null);
    }
}
