using System.Net;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Usage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Usage;

public sealed class UsageApiTests(StorageFixture fixture)
{
    [Fact]
    public async Task An_ended_batch_is_counted_once_however_often_it_is_closed_and_deleted()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await EndedAsync(plane, 3);
        await plane.Get<BatchClosing>().RunAsync(batch, CancellationToken.None);
        (await plane.Client.DeleteAsync($"/v1/batches/{batch.Id}")).EnsureSuccessStatusCode();

        var result = Results(await UsageAsync(plane, "bucket_width=1h")).Single();

        Assert.Equal((30, 3), (result["input_tokens"]!.GetValue<int>(), result["output_tokens"]!.GetValue<int>()));
        Assert.Equal((2, 1), (result["num_model_requests"]!.GetValue<int>(), result["num_failed_requests"]!.GetValue<int>()));
        Assert.Equal(1, result["num_batches"]!.GetValue<int>());
        Assert.Null(result["model"]);
    }

    [Fact]
    public async Task Buckets_and_groups_divide_the_sums()
    {
        await using var plane = await StartAsync(fixture);
        plane.Time.Advance(plane.Time.GetUtcNow().Date.AddDays(1).AddHours(9) - plane.Time.GetUtcNow().UtcDateTime);
        long start = plane.Time.GetUtcNow().ToUnixTimeSeconds();
        await EndedAsync(plane, 1);
        await EndedAsync(plane, 2, "/v1/score");
        plane.Time.Advance(TimeSpan.FromHours(26));
        await EndedAsync(plane, 4);

        var hours = await UsageAsync(plane, $"start_time={start}&bucket_width=1h");
        var days = await UsageAsync(plane, $"start_time={start}&group_by=model,endpoint");
        var before = await UsageAsync(plane, $"start_time={start}&end_time={start + 3600}");

        Assert.Equal(27, hours["data"]!.AsArray().Count);
        Assert.Equal([2, 0, 1], new[] { 0, 1, 26 }.Select(index => Sum(hours["data"]![index]!, "num_batches")));
        Assert.Equal(2, days["data"]!.AsArray().Count);
        Assert.Equal(
            [(Model, "/v1/infill"), (Model, "/v1/score")],
            Results(days).Take(2).Select(row => (row["model"]!.GetValue<string>(), row["endpoint"]!.GetValue<string>())));
        Assert.Equal(40, Sum(days["data"]![1]!, "input_tokens"));
        Assert.Equal(2, Results(before).Sum(row => row["num_batches"]!.GetValue<int>()));
    }

    [Fact]
    public async Task Another_tenant_has_usage_of_its_own_and_an_operator_sees_both()
    {
        await using var plane = await StartAsync(fixture);
        await EndedAsync(plane, 1);
        using var other = await plane.NewClientAsync("other");
        long now = plane.Time.GetUtcNow().ToUnixTimeSeconds();

        var theirs = await ReadAsync(await other.GetAsync($"/v1/usage?start_time={now - 60}&end_time={now + 60}"));

        Assert.Empty(Results(theirs));
        var (start, end) = (plane.Time.GetUtcNow().AddHours(-1), plane.Time.GetUtcNow().AddHours(1));
        var all = await plane.Get<UsageStore>().ListAsync(tenant: null, start, end, CancellationToken.None).ToListAsync();
        Assert.Equal(Tenant, Assert.Single(all).Tenant);
    }

    [Fact]
    public async Task A_batch_that_failed_before_any_line_has_used_nothing_and_retention_keeps_the_rest()
    {
        await using var plane = await StartAsync(fixture);
        await plane.PlannedAsync("nonsense");
        await EndedAsync(plane, 1);
        long start = plane.Time.GetUtcNow().ToUnixTimeSeconds();
        plane.Time.Advance(TimeSpan.FromDays(100));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);

        Assert.Equal(1, Results(await UsageAsync(plane, $"start_time={start}")).Sum(row => row["num_batches"]!.GetValue<int>()));
    }

    [Fact]
    public async Task A_closing_that_fails_is_made_up_for_by_the_sweep()
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        var batch = await plane.PlannedAsync(Lines(1));
        await plane.AnswerAsync(batch, 0);
        faults.Refuses = call => call.Contains("/usage", StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Exception>(() => plane.FinishAsync(batch));
        faults.Refuses = _ => false;

        await plane.Get<BatchSweep>().RunAsync(CancellationToken.None);
        await plane.Get<BatchSweep>().RunAsync(CancellationToken.None);

        Assert.Equal(1, Results(await UsageAsync(plane, "bucket_width=1h")).Sum(row => row["num_batches"]!.GetValue<int>()));
    }

    [Theory]
    [InlineData("start_time=", "start_time")]
    [InlineData("start_time=yesterday", "start_time")]
    [InlineData("start_time=0", "start_time")]
    [InlineData("start_time=100&end_time=100", "end_time")]
    [InlineData("start_time=100&bucket_width=1m", "bucket_width")]
    [InlineData("start_time=100&end_time=200&group_by=tenant", "group_by")]
    [InlineData("start_time=100&end_time=200&since=1", "since")]
    public async Task A_query_that_makes_no_sense_is_refused_by_name(string query, string parameter)
    {
        await using var plane = await StartAsync(fixture);

        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/usage?{query}"), HttpStatusCode.BadRequest, parameter);
    }

    private static async Task<BatchRecord> EndedAsync(ControlPlane plane, int lines, string endpoint = "/v1/infill")
    {
        string input = string.Concat(Enumerable.Range(1, lines).Select(index => Line($"id-{index}", url: endpoint) + "\n"));
        var batch = await plane.PlannedAsync(input, endpoint);
        await plane.AnswerAsync(batch, 0, line => line == 3);
        await plane.FinishAsync(batch);
        return await plane.ReloadAsync(batch);
    }

    private static async Task<JsonNode> UsageAsync(ControlPlane plane, string query)
    {
        var now = plane.Time.GetUtcNow();
        string start = query.Contains("start_time", StringComparison.Ordinal) ? "" : $"&start_time={now.AddHours(-1).ToUnixTimeSeconds()}";
        string end = query.Contains("end_time", StringComparison.Ordinal) ? "" : $"&end_time={now.AddSeconds(1).ToUnixTimeSeconds()}";
        return await ReadAsync(await plane.Client.GetAsync($"/v1/usage?{query}{start}{end}"));
    }

    private static IEnumerable<JsonNode> Results(JsonNode usage) =>
        usage["data"]!.AsArray().SelectMany(bucket => bucket!["results"]!.AsArray()).Select(row => row!);

    private static int Sum(JsonNode bucket, string name) => bucket["results"]!.AsArray().Sum(row => row![name]!.GetValue<int>());
}
