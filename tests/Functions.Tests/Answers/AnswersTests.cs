using System.Net;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Answers;

public sealed class AnswersTests(StorageFixture fixture)
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(50), s_minute = TimeSpan.FromMinutes(1);

    private static readonly object s_filled = new { Object = "infill", Text = "a filled b" };

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
        await plane.AnswerAsync(answer, s_filled);

        using var response = await plane.WhileTimePassesAsync(asking, s_step);

        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("""{"object":"infill","text":"a filled b"}""", (await ReadAsync(response)).ToJsonString());
        await EndedAsync(plane, answer, BatchStatus.Completed);
        Assert.Equal(0, await plane.Batches.OpenAnswers.ListAsync(Tenant, CancellationToken.None).CountAsync());
    }

    [Fact]
    public async Task Answers_are_neither_among_batches_nor_among_files()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(1));
        var asking = plane.AskAsync();
        await plane.AnswerAsync(await plane.TakeAsync(), s_filled);
        (await plane.WhileTimePassesAsync(asking, s_step)).Dispose();

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

        await AssertErrorAsync(await plane.WhileTimePassesAsync(asking, s_step), HttpStatusCode.BadRequest, "steps");
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
        await plane.AnswerAsync(answer, s_filled);
        Assert.Equal("a filled b", (await ReadAsync(await plane.Client.GetAsync(late.Headers.Location)))["text"]!.GetValue<string>());
        await EndedAsync(plane, answer, BatchStatus.Completed);
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
        await plane.AnswerAsync(answer, s_filled);
        (await plane.WhileTimePassesAsync(first, s_step)).EnsureSuccessStatusCode();
        await EndedAsync(plane, answer, BatchStatus.Completed);
        using var other = await plane.WhileTimePassesAsync(plane.AskAsync(headers: ("Prefer", "wait=0, respond-async")), s_step);
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

    [Fact]
    public async Task The_same_key_leads_back_to_the_same_work_at_any_time()
    {
        await using var plane = await StartAsync(fixture);
        var first = plane.AskAsync(headers: ("Idempotency-Key", "key"));
        var answer = await plane.TakeAsync();
        using (var late = await plane.WhileTimePassesAsync(first, TimeSpan.FromSeconds(30)))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, late.StatusCode);
        var second = plane.AskAsync(headers: ("Idempotency-Key", "key"));
        Assert.Equal(answer.Id, (await plane.TakeAsync()).Id);
        await plane.AnswerAsync(answer, s_filled);

        Assert.Equal("a filled b", (await ReadAsync(await plane.WhileTimePassesAsync(second, s_step)))["text"]!.GetValue<string>());
        await EndedAsync(plane, answer, BatchStatus.Completed);
        var third = await ReadAsync(await plane.AskAsync(headers: ("Idempotency-Key", "key")));

        Assert.Equal("a filled b", third["text"]!.GetValue<string>());
        Assert.Equal(0, await plane.CountAsync(Answering.Queue));
        Assert.Single(await plane.Batches.Records.ScanAsync("", CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task Two_requests_with_a_key_wait_together()
    {
        await using var plane = await StartAsync(fixture);
        Task<HttpResponseMessage>[] asking = [.. Enumerable.Range(0, 4).Select(_ => plane.AskAsync(headers: ("Idempotency-Key", "key")))];
        var answer = await plane.TakeAsync();
        await plane.AnswerAsync(answer, s_filled);

        foreach (var request in asking)
            Assert.Equal("a filled b", (await ReadAsync(await plane.WhileTimePassesAsync(request, s_step)))["text"]!.GetValue<string>());
        Assert.Single(await plane.Batches.Records.ScanAsync("", CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task A_key_of_another_request_is_refused()
    {
        await using var plane = await StartAsync(fixture);
        using var accepted = await plane.AskAsync(headers: [("Prefer", "wait=0, respond-async"), ("Idempotency-Key", "key")]);
        string other = Answering.Infill.Replace("[MASK:2]", "[MASK:3]", StringComparison.Ordinal);

        var refused = await plane.AskAsync(other, headers: ("Idempotency-Key", "key"));

        await AssertErrorAsync(refused, HttpStatusCode.UnprocessableEntity, "Idempotency-Key");
    }

    [Theory]
    [InlineData(Fault.KillAfter)]
    [InlineData(Fault.TimeoutAfter)]
    [InlineData(Fault.Unavailable)]
    public async Task A_client_that_is_cut_off_comes_back_with_its_key_and_gets_its_answer_wherever_the_fault_was(Fault fault)
    {
        await using var plane = await StartAsync(fixture);
        bool isHit = true;
        for (int call = 1; isHit; call++)
        {
            string key = $"key-{call}";
            using var transport = new FaultyTransport(fault, call);
            await using (var host = plane.NewHostOver(transport))
                await plane.AskOnAsync(host, ("Idempotency-Key", key), ("Prefer", "wait=0, respond-async"));
            isHit = transport.IsHit;

            var asking = plane.AskAsync(headers: ("Idempotency-Key", key));
            var answer = await plane.TakeAsync();
            await plane.AnswerAsync(answer, s_filled);

            Assert.Equal("a filled b", (await ReadAsync(await plane.WhileTimePassesAsync(asking, s_step)))["text"]!.GetValue<string>());
            await EndedAsync(plane, answer, BatchStatus.Completed);
            Assert.Equal(call, await plane.Batches.Records.ScanAsync("", CancellationToken.None).CountAsync());
            await plane.Storage.Queue(Answering.Queue).ClearMessagesAsync();
        }
    }

    [Fact]
    public async Task A_sweep_ends_an_answer_for_which_no_request_waits()
    {
        await using var plane = await StartAsync(fixture);
        using var accepted = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        var answer = await plane.TakeAsync();
        await plane.AnswerAsync(answer, s_filled);

        await plane.SweepAnswersAsync();

        await EndedAsync(plane, answer, BatchStatus.Completed);
    }

    [Fact]
    public async Task A_sweep_sends_a_lost_message_again()
    {
        await using var plane = await StartAsync(fixture);
        using var accepted = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        var answer = await plane.TakeAsync();
        await plane.SweepAnswersAsync();
        Assert.Equal(0, await plane.CountAsync(Answering.Queue));

        plane.Time.Advance(s_minute);
        await plane.SweepAnswersAsync();

        Assert.Equal(answer.Id, (await plane.TakeAsync()).Id);
    }

    [Fact]
    public async Task An_answer_that_no_worker_gives_in_an_hour_expires()
    {
        await using var plane = await StartAsync(fixture);
        using var accepted = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        var answer = await plane.TakeAsync();
        plane.Time.Advance(AnswerStart.Window + s_minute);

        await plane.SweepAnswersAsync();

        await EndedAsync(plane, answer, BatchStatus.Expired);
        using var expired = await plane.Client.GetAsync(accepted.Headers.Location);
        Assert.Contains("batch_expired", await expired.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await AssertErrorAsync(expired, HttpStatusCode.GatewayTimeout, null);
    }

    [Fact]
    public async Task Retention_deletes_an_answer_as_a_whole_a_day_after_its_end()
    {
        await using var plane = await StartAsync(fixture, ("Retention:Work", "01:00:00"));
        using var accepted = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        var answer = await plane.TakeAsync();
        await plane.AnswerAsync(answer, s_filled);
        await plane.SweepAnswersAsync();

        plane.Time.Advance(TimeSpan.FromHours(23));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
        Assert.NotNull(await plane.Blobs(answer).FindPlanAsync(CancellationToken.None));
        plane.Time.Advance(TimeSpan.FromHours(2));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);

        Assert.Null(await plane.Batches.FindAsync(answer.Key, CancellationToken.None));
        Assert.Null(await plane.Blobs(answer).FindPlanAsync(CancellationToken.None));
        await AssertErrorAsync(await plane.Client.GetAsync(accepted.Headers.Location), HttpStatusCode.NotFound, null);
    }

    /// <summary>The request ends its record behind the answer, so the record is awaited.</summary>
    private static async Task EndedAsync(ControlPlane plane, BatchRecord answer, BatchStatus status)
    {
        BatchRecord current;
        do
            current = (await plane.Batches.FindAsync(answer.Key, CancellationToken.None))!;
        while (!current.IsTerminal);
        Assert.Equal((status, 1), (current.Status, current.TotalLines));
        Assert.Equal(status == BatchStatus.Completed ? 1 : 0, current.CompletedLines);
        while (await plane.Batches.OpenAnswers.FindAsync(answer.Key, CancellationToken.None) is not null)
            await Task.Yield();
    }
}
