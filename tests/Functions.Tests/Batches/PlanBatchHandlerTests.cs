using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class PlanBatchHandlerTests(StorageFixture fixture)
{
    public static TheoryData<string, string, int> Faults => new()
    {
        { "not json", "invalid_json_line", 2 },
        { "[1, 2]", "invalid_json_line", 2 },
        { Line("x", "half a character: HALF").Replace("HALF", "\\ud800", StringComparison.Ordinal), "invalid_json_line", 2 },
        { """{"\ud800":1,"custom_id":"x","method":"POST","url":"/v1/infill","body":{}}""", "invalid_json_line", 2 },
        { """{"custom_id":"x","custom_id":"y","method":"POST","url":"/v1/infill","body":{}}""", "invalid_json_line", 2 },
        { """{"method":"POST","url":"/v1/infill","body":{"model":"org/model:1"}}""", "invalid_custom_id", 2 },
        { Line("id-1"), "duplicate_custom_id", 2 },
        { Line("x").Replace("POST", "GET", StringComparison.Ordinal), "invalid_method", 2 },
        { Line("x", url: "/v1/completions"), "url_mismatch", 2 },
        { """{"custom_id":"x","method":"POST","url":"/v1/infill","body":"text"}""", "invalid_body", 2 },
        { """{"custom_id":"x","method":"POST","url":"/v1/infill","body":{}}""", "missing_model", 2 },
        { Line("x", model: "unknown"), "model_not_found", 2 },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_faulty_line_fails_the_batch_and_is_named(string line, string code, int number)
    {
        await using var plane = await StartAsync(fixture);

        var batch = await plane.PlannedAsync($"{Line("id-1")}\n{line}\n{Line("id-3")}\n");

        Assert.Equal(BatchStatus.Failed, batch.Status);
        var json = await ReadAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}"));
        var fault = Assert.Single(json["errors"]!["data"]!.AsArray());
        Assert.Equal((code, number), (fault!["code"]!.GetValue<string>(), fault["line"]!.GetValue<int>()));
        Assert.NotEmpty(fault["message"]!.GetValue<string>());
        Assert.NotNull(json["failed_at"]);
        Assert.Equal(0, await plane.CountAsync(StorageNames.GenerateQueue(StorageNames.DefaultProfile)));
    }

    [Fact]
    public async Task A_second_model_is_a_fault()
    {
        await using var plane = await StartAsync(fixture);
        await plane.Get<Shared.Models.ModelCatalog>().RegisterAsync(
            new() { PartitionKey = Tenant, Id = "mine", ContextLength = 512, TokenForwardsPerSecond = 1000 }, CancellationToken.None);

        var batch = await plane.PlannedAsync($"{Line("a")}\n{Line("b", model: "mine")}\n");

        Assert.Contains("model_mismatch", batch.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_fault_is_listed_up_to_the_cap()
    {
        await using var plane = await StartAsync(fixture);

        var batch = await plane.PlannedAsync(string.Concat(Enumerable.Repeat("nonsense\n", BatchValidationErrors.MaxListed + 7)));

        var faults = JsonNode.Parse(batch.Errors!)!.AsArray();
        Assert.Equal(BatchValidationErrors.MaxListed + 1, faults.Count);
        Assert.Equal(
            Enumerable.Range(1, BatchValidationErrors.MaxListed), faults.Take(BatchValidationErrors.MaxListed)
            .Select(fault => fault!["line"]!.GetValue<int>()));
        Assert.StartsWith("7 further", faults[^1]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n  \n")]
    [InlineData("\uFEFF\r\n")]
    public async Task A_file_without_requests_fails_the_batch(string content)
    {
        await using var plane = await StartAsync(fixture);

        var batch = await plane.PlannedAsync(content);

        Assert.Equal(BatchStatus.Failed, batch.Status);
        Assert.Contains("empty_file", batch.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_byte_order_mark_carriage_returns_and_blank_lines_are_no_fault()
    {
        await using var plane = await StartAsync(fixture);
        byte[] input = [.. Encoding.UTF8.GetPreamble(), .. Encoding.UTF8.GetBytes($"{Line("a")}\r\n\r\n{Line("b")}\r\n\r\n\n")];

        var created = await plane.CreatedAsync(input);
        await plane.PlanAsync(created);
        var batch = await plane.ReloadAsync(created);

        Assert.Equal((BatchStatus.InProgress, 2), (batch.Status, batch.TotalLines));
    }

    [Fact]
    public async Task Shards_hold_every_line_once_with_lines_of_like_length_together()
    {
        await using var plane = await StartAsync(fixture);
        string input = string
            .Concat(Enumerable.Range(1, 600)
            .Select(index => Line($"id-{index}", new string('x', 4 * (index * 37 % 600)) + " [MASK:8]") + "\n"));

        var batch = await plane.PlannedAsync(input);

        var plan = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!;
        Assert.True(plan.Shards.Count > 1);
        List<(int First, int Last)> lengths = [];
        List<int> numbers = [];
        for (int shard = 0; shard < plan.Shards.Count; shard++)
        {
            var lines = await plane.Blobs(batch).Shards.ReadAsync(plan.PlanId, shard, CancellationToken.None);
            Assert.Equal(plan.Shards[shard].NumLines, lines.Count);
            numbers.AddRange(lines.Select(line => line.Line));
            int[] sizes = [.. lines.Select(line => line.Body.GetProperty("text").GetString()!.Length)];
            lengths.Add((sizes.Min(), sizes.Max()));
        }
        Assert.Equal(Enumerable.Range(1, 600), numbers.Order());
        Assert.All(lengths.Zip(lengths.Skip(1)), pair => Assert.True(pair.First.Last <= pair.Second.First));
    }

    [Fact]
    public async Task Planning_again_keeps_the_plan_and_sends_nothing_twice()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(3));
        var plan = await plane.Blobs(batch).FindPlanAsync(CancellationToken.None);

        await plane.PlanAsync(batch);

        Assert.Equal(plan!.PlanId, (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!.PlanId);
        Assert.Equal(plan.Shards.Count, await plane.CountAsync(StorageNames.GenerateQueue(StorageNames.DefaultProfile)));
    }

    [Fact]
    public async Task Planning_at_once_leaves_one_plan()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(50)));

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => plane.PlanAsync(batch)));

        var queue = plane.Storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile));
        var plan = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!;
        foreach (var message in (await queue.ReceiveMessagesAsync(32)).Value)
            Assert.Contains(plan.PlanId, message.Body.ToString(), StringComparison.Ordinal);
        Assert.Equal(BatchStatus.InProgress, (await plane.ReloadAsync(batch)).Status);
    }

    [Fact]
    public async Task No_more_shards_than_the_window_are_released()
    {
        await using var plane = await StartAsync(fixture);

        var batch = await plane.PlannedAsync(Lines(40, "[MASK:400] and some more"));

        var shards = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!.Shards;
        int inFlight = ShardDispatcher.InFlight(shards[0].Seconds);
        Assert.InRange(inFlight, ShardDispatcher.MinInFlight + 1, shards.Count - 1);
        Assert.Equal(inFlight, await plane.CountAsync(StorageNames.GenerateQueue(StorageNames.DefaultProfile)));
    }

    [Fact]
    public async Task Lines_that_each_take_minutes_share_shards_once_they_are_many()
    {
        await using var plane = await StartAsync(fixture);
        var few = await plane.PlannedAsync(Lines(256, "[MASK:400] x"));
        var many = await plane.PlannedAsync(Lines(5000, "[MASK:400] x"));

        var shards = (await plane.Blobs(few).FindPlanAsync(CancellationToken.None))!.Shards;
        Assert.Equal(256, shards.Count);
        Assert.All(shards, shard => Assert.InRange(shard.Seconds, 60, double.MaxValue));
        shards = (await plane.Blobs(many).FindPlanAsync(CancellationToken.None))!.Shards;
        Assert.InRange(shards.Count(shard => shard.Window == 0), 200, 256);
        Assert.Equal(5000, shards.Sum(shard => shard.NumLines));
    }

    [Fact]
    public async Task A_line_that_asks_for_too_much_work_is_answered_by_the_plan_and_the_others_run()
    {
        await using var plane = await StartAsync(fixture);
        string gaps = string.Concat(Enumerable.Repeat("and [MASK:64] ", 4096));

        var batch = await plane.PlannedAsync($"{Line("small")}\n{Line("large", gaps)}\n");

        var plan = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!;
        var refused = Assert.Single(plan.Shards.Index(), shard => shard.Item.IsRefused);
        Assert.Equal((2, 2, BatchStatus.InProgress), (plan.Shards.Count, batch.TotalLines, batch.Status));
        var line = Assert.Single(await plane.Blobs(batch).Parts.ReadAsync(refused.Index, CancellationToken.None));
        var error = JsonNode.Parse(line.Json)!["error"]!;
        Assert.Equal((2, true, "too_much_work"), (line.Line, line.IsError, error["code"]!.GetValue<string>()));
        Assert.Contains("at least", error["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(new ServiceLimits().MaxLineWork, plan.Limit!.Seconds);
    }

    [Fact]
    public async Task The_progress_of_a_batch_counts_what_of_its_unfinished_lines_is_done()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(4));
        var blobs = plane.Blobs(batch);
        Assert.Equal(0, await ProgressAsync());

        var shard = await blobs.Shards.ReadAsync((await blobs.FindPlanAsync(default))!.PlanId, 0, default);
        var answered = OutputLines.Answered(shard[0], "");
        await blobs.Progress.WriteAsync(0, [answered], new PartCounts(1, 0, 10, 1, InWork: 0.5), CancellationToken.None);

        Assert.Equal(0.375, await ProgressAsync());
        Assert.Equal(0, (await blobs.Progress.ReadAsync(0, CancellationToken.None)).Counts.InWork);

        async Task<double> ProgressAsync() =>
            (await ReadAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}")))["progress"]!["share"]!.GetValue<double>();
    }

    [Fact]
    public async Task An_input_deleted_before_it_is_read_fails_the_batch()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));
        (await plane.Client.DeleteAsync($"/v1/files/{batch.InputFileId}")).EnsureSuccessStatusCode();

        await plane.PlanAsync(batch);

        Assert.Contains("file_not_found", (await plane.ReloadAsync(batch)).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_requests_than_allowed_fail_the_batch()
    {
        await using var plane = await StartAsync(fixture);

        var batch = await plane.PlannedAsync(Lines(new ServiceLimits().MaxLines + 1));

        Assert.Contains("too_many_tasks", batch.Errors, StringComparison.Ordinal);
    }
}
