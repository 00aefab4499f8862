using System.Net;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Wire;
using static LLaDA.Batch.Functions.Tests.Batches.BatchResultsTests;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class BatchRetryTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_retry_runs_the_failed_lines_again_under_the_same_custom_ids_and_in_order()
    {
        await using var plane = await StartAsync(fixture);
        var parent = await EndedAsync(plane, line => line % 2 == 0);

        var retry = await RetryAsync(plane, parent, """{"completion_window":"2h"}""");

        Assert.Equal(parent.Id, retry["parent_batch_id"]!.GetValue<string>());
        Assert.Equal("2h", retry["completion_window"]!.GetValue<string>());
        string[] input = await plane.LinesAsync(retry["input_file_id"]!.GetValue<string>());
        string[] original = [.. await plane.LinesAsync(parent.InputFileId!)];
        Assert.Equal(3, input.Length);
        Assert.All(input.Zip(original.Where((_, index) => index % 2 == 1)), pair =>
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(pair.First), JsonNode.Parse(pair.Second))));
        Assert.Equal("completed", (await plane.ReloadAsync(parent)).Status.WireName());
    }

    [Fact]
    public async Task Results_of_the_parent_show_both_and_so_does_every_page_of_them()
    {
        await using var plane = await StartAsync(fixture);
        var parent = await EndedAsync(plane, line => line % 2 == 0);
        await RunAsync(plane, await RetryAsync(plane, parent), line => line == 2);
        plane.Time.Advance(TimeSpan.FromSeconds(1));
        var second = await RetryAsync(plane, parent);

        var lines = await ResultsAsync(plane, parent);

        Assert.All(lines.Where((_, index) => index % 2 == 0), line => Assert.Empty(line["retries"]!.AsArray()));
        Assert.Equal(
            ["completed", "failed", "completed"],
            lines.Where((_, index) => index % 2 == 1).Select(line => line["retries"]![0]!["status"]!.GetValue<string>()));
        await plane.PlanAsync((await plane.Batches.FindAsync(Tenant, second["id"]!.GetValue<string>(), CancellationToken.None))!);
        var page = await ResultsAsync(plane, parent, "?after=3&status=failed");
        Assert.Equal([4, 6], page.Select(line => line["line"]!.GetValue<int>()));
        Assert.Equal(
            ["failed", "pending"], page[0]["retries"]!.AsArray().Select(retry => retry!["status"]!.GetValue<string>()));
        Assert.Equal(second["id"]!.GetValue<string>(), page[1]["retries"]![1]!["batch_id"]!.GetValue<string>());
    }

    [Fact]
    public async Task Lines_can_be_chosen_by_their_code()
    {
        await using var plane = await StartAsync(fixture);
        var parent = await plane.PlannedAsync(Lines(4));
        var plan = (await plane.Blobs(parent).FindPlanAsync(CancellationToken.None))!;
        var lines = await plane.Blobs(parent).Shards.ReadAsync(plan.PlanId, 0, CancellationToken.None);
        PartLine[] outcomes =
        [
            OutputLines.Answered(lines[0], new { Text = "a" }),
            OutputLines.NotRun(lines[1], NotRunReason.Expired),
            OutputLines.Refused(lines[2], 400, new ApiError("No", "invalid_request_error", null, "no_gap")),
            OutputLines.NotRun(lines[3], NotRunReason.Expired),
        ];
        await plane.Blobs(parent).Parts.WriteAsync(0, outcomes, new PartCounts(1, 3, 1, 1), CancellationToken.None);
        await plane.FinishAsync(parent);

        var retry = await RetryAsync(plane, parent, """{"codes":["batch_expired"]}""");

        Assert.Equal(2, (await plane.LinesAsync(retry["input_file_id"]!.GetValue<string>())).Length);
        using var nothing = await PostAsync(plane, parent, """{"codes":["server_error"]}""");
        Assert.Equal(HttpStatusCode.Conflict, nothing.StatusCode);
        string message = JsonNode.Parse(await nothing.Content.ReadAsStringAsync())!["error"]!["message"]!.GetValue<string>();
        Assert.Contains("batch_expired, no_gap", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batch_that_runs_and_one_without_failed_lines_cannot_be_retried()
    {
        await using var plane = await StartAsync(fixture);
        var running = await plane.PlannedAsync(Lines(1));
        var failed = await plane.PlannedAsync("nonsense");
        int files = await CountFilesAsync(plane);

        await AssertCodeAsync(await PostAsync(plane, running), "not_ended");
        await AssertCodeAsync(await PostAsync(plane, failed), "nothing_to_retry");
        await AnswerAllAsync(plane, running);
        await plane.FinishAsync(running);
        await AssertCodeAsync(await PostAsync(plane, running), "nothing_to_retry");
        Assert.Equal(files, await CountFilesAsync(plane));
    }

    [Theory]
    [InlineData("""{"codes":[]}""", "codes")]
    [InlineData("""{"codes":"no_gap"}""", "codes")]
    [InlineData("""{"codes":[1]}""", "codes")]
    [InlineData("""{"completion_window":"soon"}""", "completion_window")]
    [InlineData("""{"code":"no_gap"}""", "code")]
    [InlineData("[]", null)]
    public async Task A_retry_asked_for_wrongly_is_refused_by_name(string body, string? parameter)
    {
        await using var plane = await StartAsync(fixture);
        var parent = await EndedAsync(plane, _ => true);

        await AssertErrorAsync(await PostAsync(plane, parent, body), HttpStatusCode.BadRequest, parameter);
    }

    [Fact]
    public async Task A_retry_for_which_there_is_no_room_leaves_nothing_behind()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxActiveBytes", "100"));
        var parent = await EndedAsync(plane, _ => true);
        await plane.CreatedAsync("{}"u8.ToArray());
        int files = await CountFilesAsync(plane);

        using var response = await PostAsync(plane, parent);

        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.Equal(files, await CountFilesAsync(plane));
        using var other = await plane.NewClientAsync("other");
        await AssertErrorAsync(await other.PostAsync($"/v1/batches/{parent.Id}/retry", null), HttpStatusCode.NotFound, null);
    }

    [Fact]
    public async Task Whatever_call_to_storage_fails_there_is_a_whole_retry_or_none()
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        var parent = await EndedAsync(plane, _ => true);
        int files = await CountFilesAsync(plane);
        for (int failing = 1; ; failing++)
        {
            int writes = 0;
            faults.Refuses = call => !call.StartsWith("GET", StringComparison.Ordinal) && ++writes == failing;
            using var response = await PostAsync(plane, parent);
            faults.Refuses = _ => false;

            var retries = await plane.Batches.ListRetriesAsync(parent, CancellationToken.None);
            Assert.Equal(files + retries.Count, await CountFilesAsync(plane));
            foreach (var retry in retries)
                Assert.Equal(6, (await plane.LinesAsync(retry.InputFileId!)).Length);
            if (writes < failing)
            {
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                break;
            }
        }
    }

    [Fact]
    public async Task A_retry_that_is_asked_for_again_under_its_key_is_there_once()
    {
        await using var plane = await StartAsync(fixture);
        var parent = await EndedAsync(plane, _ => true);
        plane.Client.DefaultRequestHeaders.Add("Idempotency-Key", "one");

        var first = await RetryAsync(plane, parent);
        var again = await RetryAsync(plane, parent);

        Assert.Equal(first["id"]!.GetValue<string>(), again["id"]!.GetValue<string>());
        Assert.Single(await plane.Batches.ListRetriesAsync(parent, CancellationToken.None));
        Assert.Equal(2, await CountFilesAsync(plane));
    }

    internal static async Task<BatchRecord> EndedAsync(ControlPlane plane, Func<int, bool> isError)
    {
        var batch = await plane.PlannedAsync(Lines(6, "[MASK:300] x"));
        await AnswerAllAsync(plane, batch, isError);
        await plane.FinishAsync(batch);
        return await plane.ReloadAsync(batch);
    }

    private static async Task<JsonNode> RetryAsync(ControlPlane plane, BatchRecord parent, string? body = null) =>
        await ReadAsync(await PostAsync(plane, parent, body));

    private static async Task RunAsync(ControlPlane plane, JsonNode retry, Func<int, bool> isError)
    {
        var batch = (await plane.Batches.FindAsync(Tenant, retry["id"]!.GetValue<string>(), CancellationToken.None))!;
        await plane.PlanAsync(batch);
        await AnswerAllAsync(plane, batch, isError);
        await plane.FinishAsync(batch);
    }

    private static async Task<HttpResponseMessage> PostAsync(ControlPlane plane, BatchRecord parent, string? body = null)
    {
        using var content = body is null ? null : new StringContent(body);
        return await plane.Client.PostAsync($"/v1/batches/{parent.Id}/retry", content);
    }

    private static Task<int> CountFilesAsync(ControlPlane plane) =>
        plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None)
            .CountAsync(file => file.Purpose == FilePurpose.Batch).AsTask();

    private static async Task AssertCodeAsync(HttpResponseMessage response, string code)
    {
        using (response)
        {
            Assert.Equal(HttpStatusCode.Conflict, response.StatusCode);
            Assert.Equal(code, JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!["code"]!.GetValue<string>());
        }
    }
}
