using System.Net;
using System.Text;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class BatchesApiTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_new_batch_says_all_that_clients_require()
    {
        await using var plane = await StartAsync(fixture);
        string file = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>();

        var batch = await ReadAsync(
            await PostAsync(
                plane, $$$"""{"input_file_id":"{{{file}}}","endpoint":"/v1/infill","completion_window":"24h","metadata":{"a":"b"}}"""));

        Assert.Equal("validating", batch["status"]!.GetValue<string>());
        Assert.Equal(plane.Time.GetUtcNow().ToUnixTimeSeconds(), batch["created_at"]!.GetValue<long>());
        Assert.Equal(plane.Time.GetUtcNow().AddHours(24).ToUnixTimeSeconds(), batch["expires_at"]!.GetValue<long>());
        Assert.Equal("""{"total":0,"completed":0,"failed":0}""", batch["request_counts"]!.ToJsonString());
        Assert.Equal("""{"a":"b"}""", batch["metadata"]!.ToJsonString());
        Assert.Equal(
            """{"input_tokens":0,"output_tokens":0,"input_tokens_details":{"cached_tokens":0},"output_tokens_details":"""
            + """{"reasoning_tokens":0},"total_tokens":0}""",
            batch["usage"]!.ToJsonString());
        Assert.Null(batch["output_file_id"]);
        Assert.Null(batch["errors"]);
    }

    [Theory]
    [InlineData("""{"endpoint":"/v1/infill","completion_window":"24h"}""", "input_file_id")]
    [InlineData("""{"input_file_id":"file-nothing","endpoint":"/v1/infill","completion_window":"24h"}""", "input_file_id")]
    [InlineData("""{"input_file_id":"FILE","completion_window":"24h"}""", "endpoint")]
    [InlineData("""{"input_file_id":"FILE","endpoint":"/v1/embeddings","completion_window":"24h"}""", "endpoint")]
    [InlineData("""{"input_file_id":"FILE","endpoint":"/v1/infill"}""", "completion_window")]
    [InlineData("""{"input_file_id":"FILE","endpoint":"/v1/infill","completion_window":"soon"}""", "completion_window")]
    [InlineData("""{"input_file_id":"FILE","endpoint":"/v1/infill","completion_window":"999999d"}""", "completion_window")]
    [InlineData("""{"input_file_id":"FILE","endpoint":"/v1/infill","completion_window":"24h\n"}""", "completion_window")]
    [InlineData("""{"input_file_id":"FILE","endpoint":"/v1/infill","completion_window":"24h","metadata":{"a":1}}""", "metadata")]
    [InlineData("""{"input_file_id":"FINETUNE","endpoint":"/v1/infill","completion_window":"24h"}""", "input_file_id")]
    [InlineData("[]", null)]
    [InlineData("{", null)]
    public async Task A_batch_asked_for_wrongly_is_refused_by_name(string body, string? parameter)
    {
        await using var plane = await StartAsync(fixture);
        body = body.Replace("FILE", (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>(), StringComparison.Ordinal)
            .Replace("FINETUNE", (await plane.UploadAsync("{}", "fine-tune"))["id"]!.GetValue<string>(), StringComparison.Ordinal);

        await AssertErrorAsync(await PostAsync(plane, body), HttpStatusCode.BadRequest, parameter);
    }

    [Fact]
    public async Task Progress_is_the_sum_of_the_parts()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(4, "[MASK:400] x"));
        await plane.AnswerAsync(batch, 1, line => true);

        using var response = await plane.Client.GetAsync($"/v1/batches/{batch.Id}");
        var json = await ReadAsync(response);

        int lines = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!.Shards[1].NumLines;
        Assert.Equal($$"""{"total":4,"completed":0,"failed":{{lines}}}""", json["request_counts"]!.ToJsonString());
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task Listings_show_the_newest_first_page_by_page()
    {
        await using var plane = await StartAsync(fixture);
        List<string> ids = [];
        for (int index = 0; index < 5; index++)
        {
            ids.Add((await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)))).Id);
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }

        var first = await ReadAsync(await plane.Client.GetAsync("/v1/batches?limit=3"));
        var second = await ReadAsync(await plane.Client.GetAsync($"/v1/batches?limit=3&after={first["last_id"]}"));

        Assert.Equal(
            Enumerable.Reverse(ids), first["data"]!.AsArray().Concat(second["data"]!.AsArray())
            .Select(batch => batch!["id"]!.GetValue<string>()));
        Assert.True(first["has_more"]!.GetValue<bool>());
        Assert.False(second["has_more"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Cancelling_what_has_ended_is_a_conflict()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync("nonsense");

        await AssertErrorAsync(await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null), HttpStatusCode.Conflict, null);
    }

    [Theory]
    [InlineData("/v1/batches", "/batches")]
    [InlineData("/v1/schedules", "/schedules")]
    [InlineData("/v1/webhook_endpoints", "/webhooks")]
    [InlineData("/v1/fine_tuning/jobs", "/finetuning")]
    public async Task What_was_created_by_a_call_to_storage_whose_answer_got_lost_is_there_once(string path, string insert)
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        await Schedules.Scheduling.BindAsync(plane);
        string batch = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>(), training =
            (await plane.UploadAsync("{}", "fine-tune"))["id"]!.GetValue<string>();
        using var content = new StringContent(
            path switch
            {
                "/v1/batches" => $$"""{"input_file_id":"{{batch}}","endpoint":"/v1/infill","completion_window":"24h"}""",
                "/v1/schedules" => Schedules.Scheduling.Body().ToJsonString(),
                "/v1/webhook_endpoints" => """{"url":"https://example.com/hook","events":["batch.completed"]}""",
                _ => $$"""{"training_file":"{{training}}","model":"{{Model}}"}""",
            }, Encoding.UTF8, "application/json");

        bool isLost = false;
        faults.Loses = call => isLost = call.StartsWith("POST", StringComparison.Ordinal)
            && call.EndsWith(insert, StringComparison.Ordinal);
        (await plane.Client.PostAsync(path, content)).EnsureSuccessStatusCode();

        Assert.True(isLost);
        Assert.Single((await ReadAsync(await plane.Client.GetAsync(path)))["data"]!.AsArray());
    }

    [Fact]
    public async Task A_deletion_that_storage_cuts_short_is_made_again_and_goes_on()
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        var batch = await plane.PlannedAsync(Lines(2));
        await plane.AnswerAsync(batch, 0);
        await plane.FinishAsync(batch);

        faults.Refuses = call => call.StartsWith("DELETE", StringComparison.Ordinal) && call.Contains("/parts/", StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await plane.Client.DeleteAsync($"/v1/batches/{batch.Id}")).StatusCode);
        faults.Refuses = _ => false;
        Assert.Equal("completed", (await ReadAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}")))["status"]!.GetValue<string>());
        (await plane.Client.DeleteAsync($"/v1/batches/{batch.Id}")).EnsureSuccessStatusCode();

        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}"), HttpStatusCode.NotFound, null);
        Assert.Empty(await plane.Storage.Container(Shared.Storage.StorageNames.BatchesContainer).GetBlobsAsync().ToListAsync());
    }

    [Fact]
    public async Task Another_tenants_batch_cannot_be_seen_listed_or_cancelled()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(1));
        using var other = await plane.NewClientAsync("other");

        await AssertErrorAsync(await other.GetAsync($"/v1/batches/{batch.Id}"), HttpStatusCode.NotFound, null);
        await AssertErrorAsync(await other.PostAsync($"/v1/batches/{batch.Id}/cancel", null), HttpStatusCode.NotFound, null);
        Assert.Empty((await ReadAsync(await other.GetAsync("/v1/batches")))["data"]!.AsArray());
        using var foreign = new StringContent(
            $$"""{"input_file_id":"{{batch.InputFileId}}","endpoint":"/v1/infill","completion_window":"24h"}""");
        await AssertErrorAsync(await other.PostAsync("/v1/batches", foreign), HttpStatusCode.BadRequest, "input_file_id");
    }

    private static async Task<HttpResponseMessage> PostAsync(ControlPlane plane, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        return await plane.Client.PostAsync("/v1/batches", content);
    }
}
