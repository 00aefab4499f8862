using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Idempotency;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Tests.Schedules;
using LLaDA.Batch.Shared.Storage;
using Microsoft.AspNetCore.Http;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Idempotency;

public sealed class IdempotencyTests(StorageFixture fixture)
{
    private const string Webhook = """{"url":"https://example.com/hook"}""";

    [Theory]
    [InlineData("/v1/batches", """{"input_file_id":"FILE","endpoint":"/v1/infill","completion_window":"24h"}""")]
    [InlineData("/v1/fine_tuning/jobs", """{"model":"org/model:1","training_file":"TRAIN"}""")]
    [InlineData("/v1/schedules", "SCHEDULE")]
    [InlineData("/v1/webhook_endpoints", Webhook)]
    [InlineData("/openai/v1/webhook_endpoints", Webhook)]
    public async Task The_same_key_gets_the_same_answer_and_creates_once(string path, string body)
    {
        await using var plane = await Scheduling.StartedAsync(fixture);
        body = body.Replace("FILE", Id(await plane.UploadAsync(Lines(1))), StringComparison.Ordinal)
            .Replace("TRAIN", Id(await plane.UploadAsync("{}", "fine-tune")), StringComparison.Ordinal)
            .Replace("SCHEDULE", Scheduling.Body().ToJsonString(), StringComparison.Ordinal);

        string first = await TextAsync(await PostAsync(plane, path, body, "key-1"));
        using var again = await PostAsync(plane, path, body, "key-1");

        Assert.Equal("true", again.Headers.GetValues("Idempotent-Replayed").Single());
        Assert.Equal("application/json", again.Content.Headers.ContentType!.MediaType);
        Assert.Equal(first, await TextAsync(again));
        string elsewhere = body.Replace("/hook", "/other", StringComparison.Ordinal);     // two endpoints have two urls
        var other = JsonNode.Parse(await TextAsync(await PostAsync(plane, path, elsewhere, "key-2")))!;
        Assert.NotEqual(JsonNode.Parse(first)!["id"]!.GetValue<string>(), other["id"]!.GetValue<string>());
        Assert.Equal(2, (await ReadAsync(await plane.Client.GetAsync(path)))["data"]!.AsArray().Count);
    }

    [Fact]
    public async Task An_upload_is_the_same_under_another_boundary_and_another_with_other_bytes()
    {
        await using var plane = await StartAsync(fixture);
        async Task<HttpResponseMessage> UploadAsync(string content, string boundary)
        {
            using var form = new MultipartFormDataContent(boundary)
                { { new StringContent("batch"), "purpose" }, { new ByteArrayContent(Encoding.UTF8.GetBytes(content)), "file", "a.jsonl" } };
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/files") { Content = form };
            request.Headers.Add(IdempotencyKey.Header, "upload");
            return await plane.Client.SendAsync(request);
        }

        string large = new('x', 300_000);
        string first = await TextAsync(await UploadAsync(large, "one"));
        Assert.Equal(first, await TextAsync(await UploadAsync(large, "two")));
        using var other = await UploadAsync(large + "x", "one");

        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.StatusCode);
        var file = Assert.Single((await ReadAsync(await plane.Client.GetAsync("/v1/files")))["data"]!.AsArray());
        Assert.Equal(large, await plane.Client.GetStringAsync($"/v1/files/{file!["id"]!.GetValue<string>()}/content"));
    }

    [Fact]
    public async Task A_key_belongs_to_one_body_one_path_and_one_tenant()
    {
        await using var plane = await StartAsync(fixture);
        string first = await TextAsync(await PostAsync(plane, "/v1/webhook_endpoints", Webhook, "key"));

        using var body = await PostAsync(plane, "/v1/webhook_endpoints", Webhook.Replace("hook", "look", StringComparison.Ordinal), "key");
        using var path = await PostAsync(plane, "/v1/batches", Webhook, "key");
        await AssertErrorAsync(path, HttpStatusCode.UnprocessableEntity, "Idempotency-Key");
        using var stranger = await plane.NewClientAsync("stranger");
        string others = await TextAsync(await PostAsync(plane, "/v1/webhook_endpoints", Webhook, "key", stranger));

        Assert.Equal("false", body.Headers.GetValues("x-should-retry").Single());
        await AssertErrorAsync(body, HttpStatusCode.UnprocessableEntity, "Idempotency-Key");
        Assert.NotEqual(Id(JsonNode.Parse(first)!), Id(JsonNode.Parse(others)!));
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData("LONG")]
    public async Task A_key_that_is_none_is_refused(string key)
    {
        await using var plane = await StartAsync(fixture);
        key = key == "LONG" ? new string('k', 256) : key;

        await AssertErrorAsync(
            await PostAsync(plane, "/v1/webhook_endpoints", Webhook, key), HttpStatusCode.BadRequest, "Idempotency-Key");
    }

    [Fact]
    public async Task A_refused_request_leaves_its_key_free()
    {
        await using var plane = await StartAsync(fixture);

        await AssertErrorAsync(
            await PostAsync(plane, "/v1/webhook_endpoints", """{"url":"ftp://x"}""", "key"), HttpStatusCode.BadRequest, "url");

        (await PostAsync(plane, "/v1/webhook_endpoints", Webhook, "key")).EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task While_the_first_request_is_in_work_another_is_told_to_come_again()
    {
        await using var plane = await StartAsync(fixture);
        await BegunAsync(plane, "/v1/webhook_endpoints", Webhook, "key");

        using var second = await PostAsync(plane, "/v1/webhook_endpoints", Webhook, "key");

        Assert.Equal("true", second.Headers.GetValues("x-should-retry").Single());
        Assert.NotNull(second.Headers.RetryAfter);
        await AssertErrorAsync(second, HttpStatusCode.Conflict, "Idempotency-Key");
    }

    [Theory]
    [InlineData("/v1/batches", """{"input_file_id":"FILE","endpoint":"/v1/infill","completion_window":"24h"}""")]
    [InlineData("/v1/webhook_endpoints", Webhook)]
    public async Task Work_whose_process_died_before_its_answer_is_found_by_the_next_request(string path, string body)
    {
        await using var plane = await StartAsync(fixture);
        body = body.Replace("FILE", Id(await plane.UploadAsync(Lines(1))), StringComparison.Ordinal);
        var made = JsonNode.Parse(await TextAsync(await PostAsync(plane, path, body, "key")))!;
        var rows = plane.Get<IdempotencyRecords>().Rows;
        var row = await rows.ScanAsync("", CancellationToken.None).SingleAsync();
        // As if it had died: the object is there, and the row has no answer.
        (row.Status, row.Answer1) = (null, null);
        Assert.True(await rows.TryUpdateAsync(row, CancellationToken.None));
        plane.Time.Advance(TimeSpan.FromMinutes(1));

        var again = JsonNode.Parse(await TextAsync(await PostAsync(plane, path, body, "key")))!;

        Assert.Equal(Id(made), Id(again));
        Assert.Equal(made["secret"]?.GetValue<string>(), again["secret"]?.GetValue<string>());
        Assert.Single((await ReadAsync(await plane.Client.GetAsync(path)))["data"]!.AsArray());
    }

    [Fact]
    public async Task A_failed_try_leaves_its_key_to_the_next_one_with_the_same_work()
    {
        var faults = new StorageFaults();
        await using var plane = await StartAsync(fixture, faults);
        string file = Id(await plane.UploadAsync(Lines(1)));
        string body = $$"""{"input_file_id":"{{file}}","endpoint":"/v1/infill","completion_window":"24h"}""";
        faults.Refuses = call => call.EndsWith($"/{StorageNames.PlanQueue}/messages", StringComparison.Ordinal);

        using (var failed = await PostAsync(plane, "/v1/batches", body, "key"))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, failed.StatusCode);
        faults.Refuses = _ => false;
        string id = Id(JsonNode.Parse(await TextAsync(await PostAsync(plane, "/v1/batches", body, "key")))!);

        Assert.Equal(id, Id(Assert.Single((await ReadAsync(await plane.Client.GetAsync("/v1/batches")))["data"]!.AsArray())!));
    }

    [Fact]
    public async Task A_try_that_fails_late_leaves_the_file_that_the_next_one_has_completed()
    {
        var faults = new StorageFaults();
        await using var plane = await StartAsync(fixture, faults);
        TaskCompletionSource isStalled = new(), goesOn = new();
        faults.Before = async call =>
        {
            if (call.StartsWith("GET", StringComparison.Ordinal) || !call.Contains($"/{StorageNames.FilesTable}(", StringComparison.Ordinal)
                || !isStalled.TrySetResult())
                return;
            await goesOn.Task;
            throw new InvalidOperationException("Injected");
        };
        async Task<HttpResponseMessage> UploadAsync()
        {
            using var form = new MultipartFormDataContent
                { { new StringContent("batch"), "purpose" }, { new ByteArrayContent("line"u8.ToArray()), "file", "a.jsonl" } };
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/files") { Content = form };
            request.Headers.Add(IdempotencyKey.Header, "upload");
            return await plane.Client.SendAsync(request);
        }

        var first = UploadAsync();
        await isStalled.Task;
        plane.Time.Advance(TimeSpan.FromMinutes(1));
        HttpResponseMessage second;
        while ((second = await UploadAsync()).StatusCode == HttpStatusCode.Conflict)
            second.Dispose();       // the heartbeat of the first one was faster
        string file = Id(JsonNode.Parse(await TextAsync(second))!);
        goesOn.SetResult();
        using var failed = await first;

        Assert.Equal(HttpStatusCode.InternalServerError, failed.StatusCode);
        Assert.Equal("line", await plane.Client.GetStringAsync($"/v1/files/{file}/content"));
    }

    [Fact]
    public async Task A_key_is_forgotten_after_a_day()
    {
        await using var plane = await StartAsync(fixture);
        string first = await TextAsync(await PostAsync(plane, "/v1/webhook_endpoints", Webhook, "key"));
        await PostAsync(plane, "/v1/webhook_endpoints", Webhook.Replace("/hook", "/unused", StringComparison.Ordinal), "unused");
        plane.Time.Advance(TimeSpan.FromHours(25));

        string body = Webhook.Replace("/hook", "/next", StringComparison.Ordinal);
        string next = await TextAsync(await PostAsync(plane, "/v1/webhook_endpoints", body, "key"));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);

        Assert.NotEqual(Id(JsonNode.Parse(first)!), Id(JsonNode.Parse(next)!));
        Assert.Single(await plane.Get<IdempotencyRecords>().Rows.ScanAsync("", CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task A_secret_is_stored_sealed()
    {
        await using var plane = await StartAsync(fixture);
        var made = JsonNode.Parse(await TextAsync(await PostAsync(plane, "/v1/webhook_endpoints", Webhook, "key")))!;

        var row = await plane.Get<IdempotencyRecords>().Rows.ScanAsync("", CancellationToken.None).SingleAsync();

        Assert.NotEmpty(row.Answer);
        Assert.DoesNotContain(made["secret"]!.GetValue<string>(), row.Answer, StringComparison.Ordinal);
    }

    /// <summary>Writes the row of a request whose work has begun elsewhere.</summary>
    private static async Task BegunAsync(ControlPlane plane, string path, string body, string key)
    {
        var request = new DefaultHttpContext().Request;
        request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
        string hash = await RequestFingerprint.OfAsync(request, CancellationToken.None);
        await plane.Get<IdempotencyRecords>().FindOrAddAsync(Tenant, key, $"POST {path}", hash, CancellationToken.None);
    }

    private static string Id(JsonNode made) => made["id"]!.GetValue<string>();

    private static Task<HttpResponseMessage> PostAsync(
        ControlPlane plane, string path, string body, string key, HttpClient? client = null)
    {
        var content = new StringContent(body, Encoding.UTF8, "application/json");
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        request.Headers.TryAddWithoutValidation(IdempotencyKey.Header, key);
        return (client ?? plane.Client).SendAsync(request);
    }

    private static async Task<string> TextAsync(HttpResponseMessage response)
    {
        using (response)
            return await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
    }
}
