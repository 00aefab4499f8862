using System.Net;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.Batches;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class BatchResultsTests(StorageFixture fixture)
{
    [Fact]
    public async Task Every_line_stands_in_the_order_of_the_input_with_its_request_and_outcome_while_the_batch_runs()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(6, "[MASK:300] x") + "\n\n" + Line("last", "[MASK:300] y"));
        await plane.AnswerAsync(batch, 1, line => line % 2 == 0);

        var lines = await ResultsAsync(plane, batch);

        Assert.Equal([1, 2, 3, 4, 5, 6, 9], lines.Select(line => line["line"]!.GetValue<int>()));
        Assert.Equal(["id-1", "id-2", "id-3", "id-4", "id-5", "id-6", "last"], lines.Select(line => line["custom_id"]!.GetValue<string>()));
        Assert.Equal("[MASK:300] y", lines[^1]["input"]!["text"]!.GetValue<string>());
        var plan = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!;
        var run = await plane.Blobs(batch).Shards.ReadAsync(plan.PlanId, 1, CancellationToken.None);
        Assert.All(lines, line =>
        {
            int number = line["line"]!.GetValue<int>();
            string expected = run.All(done => done.Line != number) ? "pending" : number % 2 == 0 ? "failed" : "completed";
            Assert.Equal(expected, line["status"]!.GetValue<string>());
        });
    }

    [Fact]
    public async Task Stored_progress_is_shown_before_its_part()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(2));
        await plane.Blobs(batch).Progress.WriteAsync(
            0, [new PartLine(2, false, Outcome("id-2", "two"))], new PartCounts(1, 0, 1, 1), CancellationToken.None);

        var lines = await ResultsAsync(plane, batch);

        Assert.Equal(["pending", "completed"], lines.Select(line => line["status"]!.GetValue<string>()));
        Assert.Equal("two", lines[1]["response"]!["body"]!["text"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_same_lines_are_read_from_the_files_once_the_work_is_deleted()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync("\n" + Lines(7, "[MASK:300] x"));
        await AnswerAllAsync(plane, batch, line => line % 3 == 0);
        await plane.FinishAsync(batch);
        var before = await ResultsAsync(plane, batch);

        plane.Time.Advance(TimeSpan.FromDays(2));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
        Assert.Null(await plane.Blobs(batch).FindPlanAsync(CancellationToken.None));

        var after = await ResultsAsync(plane, batch);
        Assert.Equal(7, after.Count);
        Assert.Equal(before.Select(line => line.ToJsonString()), after.Select(line => line.ToJsonString()));
        Assert.Equal(before.Skip(3).Select(Number), (await ResultsAsync(plane, batch, $"?after={Number(before[2])}")).Select(Number));
        (await plane.Client.DeleteAsync($"/v1/files/{batch.InputFileId}")).EnsureSuccessStatusCode();
        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}/results"), HttpStatusCode.Gone, null);
    }

    [Fact]
    public async Task Pages_filters_and_a_search_choose_lines()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(3) + Line("Needle") + "\n" + Line("id-5", "a needle [MASK:1]"));
        await AnswerAllAsync(plane, batch, line => line == 2);

        Assert.Equal([3, 4], (await ResultsAsync(plane, batch, "?after=2&limit=2")).Select(Number));
        Assert.Equal([2], (await ResultsAsync(plane, batch, "?status=failed")).Select(Number));
        Assert.Equal([1, 3, 4, 5], (await ResultsAsync(plane, batch, "?status=completed,pending")).Select(Number));
        Assert.Equal([4, 5], (await ResultsAsync(plane, batch, "?search=NEEDLE")).Select(Number));
        Assert.Empty(await ResultsAsync(plane, batch, "?search=text"));
    }

    [Fact]
    public async Task A_page_of_many_windows_begins_behind_its_number()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync("\n" + Lines(9_000, "[MASK:1]"));

        foreach (int after in new[] { 0, 1, 4_096, 4_097, 4_098, 8_193, 8_999, 9_000, 9_001 })
        {
            var lines = await ResultsAsync(plane, batch, $"?limit=2&after={after}");
            Assert.Equal(Enumerable.Range(Math.Max(2, after + 1), 2).Where(line => line <= 9_001), lines.Select(Number));
        }
    }

    [Fact]
    public async Task A_lost_shard_hides_the_requests_of_its_lines_and_not_their_outcomes()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(2));
        await AnswerAllAsync(plane, batch);
        var container = plane.Storage.Container(Shared.Storage.StorageNames.BatchesContainer);
        await foreach (var blob in container.GetBlobsAsync())
        {
            if (blob.Name.Contains("/shards/", StringComparison.Ordinal))
                await container.DeleteBlobAsync(blob.Name);
        }

        var lines = await ResultsAsync(plane, batch);

        Assert.Equal(
            ["1 id-1 completed", "2 id-2 completed"], lines.Select(line => $"{line["line"]} {line["custom_id"]} {line["status"]}"));
        Assert.All(lines, line => Assert.Null(line["input"]));
    }

    [Fact]
    public async Task A_batch_that_is_not_planned_or_failed_before_has_no_lines()
    {
        await using var plane = await StartAsync(fixture);
        var validating = await plane.CreatedAsync(System.Text.Encoding.UTF8.GetBytes(Lines(1)));
        var failed = await plane.PlannedAsync("nonsense");

        Assert.Empty(await ResultsAsync(plane, validating));
        Assert.Empty(await ResultsAsync(plane, failed));
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=100001", "limit")]
    [InlineData("limit=ten", "limit")]
    [InlineData("after=-1", "after")]
    [InlineData("status=done", "status")]
    [InlineData("status=failed&status=completed", "status")]
    [InlineData("state=failed", "state")]
    public async Task A_query_that_makes_no_sense_is_refused_by_name(string query, string parameter)
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(1));

        await AssertErrorAsync(
            await plane.Client.GetAsync($"/v1/batches/{batch.Id}/results?{query}"), HttpStatusCode.BadRequest, parameter);
    }

    [Fact]
    public async Task Another_tenants_results_cannot_be_seen()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(1));
        using var other = await plane.NewClientAsync("other");

        await AssertErrorAsync(await other.GetAsync($"/v1/batches/{batch.Id}/results"), HttpStatusCode.NotFound, null);
    }

    internal static async Task<IReadOnlyList<JsonNode>> ResultsAsync(ControlPlane plane, BatchRecord batch, string query = "") =>
    [
        .. (await plane.Client.GetStringAsync($"/v1/batches/{batch.Id}/results{query}"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!),
    ];

    internal static async Task AnswerAllAsync(ControlPlane plane, BatchRecord batch, Func<int, bool>? isError = null)
    {
        int shards = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!.Shards.Count;
        foreach (int shard in Enumerable.Range(0, shards))
            await plane.AnswerAsync(batch, shard, isError);
    }

    private static int Number(JsonNode line) => line["line"]!.GetValue<int>();

    private static string Outcome(string customId, string text) => new JsonObject
    {
        ["custom_id"] = customId,
        ["response"] = new JsonObject { ["body"] = new JsonObject { ["text"] = text } },
    }.ToJsonString();
}
