using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

/// <summary>A batch whose plan a killed Azurite forgot: it is rebuilt from what is left, and every line has one answer.</summary>
public sealed class LostPlanTests(StorageFixture fixture)
{
    private static readonly CancellationToken s_none = CancellationToken.None;

    [Fact]
    public async Task A_lost_plan_is_rebuilt_as_it_was()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(4_100) + Line("long", new string('x', 200_000) + "[MASK:2]") + "\n");
        var plan = await LoseAsync(plane, batch);
        Assert.True(plan.Shards[^1] is { Window: > 0, IsRefused: false } && plan.Shards[0].Seconds > 0, "the plan shows too little");

        await SweepAsync(plane);

        var restored = (await plane.Blobs(batch).FindPlanAsync(s_none))!;
        Assert.Equal(plan.Shards, restored.Shards);
        Assert.Equal(plan with { Shards = [] }, restored with { Shards = [] });
    }

    [Fact]
    public async Task A_second_planning_uses_the_plan_that_was_lost()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(6, "[MASK:400] x"));
        var plan = await LoseAsync(plane, batch);

        await plane.PlanAsync(batch);

        Assert.Equal(plan.PlanId, (await plane.Blobs(batch).FindPlanAsync(s_none))!.PlanId);
    }

    [Fact]
    public async Task The_shards_of_a_lost_plan_are_sent_again()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(6, "[MASK:400] x"));
        var plan = await LoseAsync(plane, batch);

        await SweepAsync(plane);

        Assert.Equal(plan.Shards.Count, await plane.CountAsync(StorageNames.GenerateQueue(StorageNames.DefaultProfile)));
    }

    [Fact]
    public async Task A_batch_whose_plan_is_lost_when_all_is_answered_completes_with_every_line()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(6, "[MASK:400] x"));
        int shards = (await plane.Blobs(batch).FindPlanAsync(s_none))!.Shards.Count;
        for (int shard = 0; shard < shards; shard++)
            await plane.AnswerAsync(batch, shard);
        await plane.Batches.UpdateAsync(
            batch, row => row.TrySettle(null, completes: true, plane.Get<ResultFiles>().NewKeys(), plane.Time.GetUtcNow()), s_none);
        await LoseAsync(plane, batch);

        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal((BatchStatus.Completed, 6, 6), (batch.Status, batch.CompletedLines, batch.TotalLines));
        Assert.Equal(6, (await plane.LinesAsync(batch.OutputFileId!)).Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Lines_whose_shard_is_lost_with_the_plan_are_answered_once(int firstLost)
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(30, "[MASK:200] x"));
        int shards = (await plane.Blobs(batch).FindPlanAsync(s_none))!.Shards.Count;
        Assert.True(shards > 4, "the lines make too few shards");
        for (int shard = 0; shard < shards; shard++)
        {
            if (shard != firstLost && shard != firstLost + 2)
                await plane.AnswerAsync(batch, shard);
        }
        string[] lost = [.. await LoseAsync(plane, batch, firstLost), .. await LoseAsync(plane, batch, firstLost + 2)];
        await LoseAsync(plane, batch);

        await SweepAsync(plane);
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal((BatchStatus.Completed, 30 - lost.Length, lost.Length), (batch.Status, batch.CompletedLines, batch.FailedLines));
        Assert.Equal(lost.Order(), (await IdsAsync(plane, batch.ErrorFileId!)).Order());
        var kept = await IdsAsync(plane, batch.OutputFileId!);
        Assert.Equal(Enumerable.Range(1, 30).Select(number => $"id-{number}").Except(lost), kept);
    }

    [Fact]
    public async Task Shards_that_are_lost_in_two_windows_share_their_lines()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(4_100));
        int shards = (await plane.Blobs(batch).FindPlanAsync(s_none))!.Shards.Count;
        for (int shard = 0; shard < shards; shard++)
        {
            if (shard != 1 && shard != shards - 1)
                await plane.AnswerAsync(batch, shard);
        }
        string[] lost = [.. await LoseAsync(plane, batch, 1), .. await LoseAsync(plane, batch, shards - 1)];
        await LoseAsync(plane, batch);

        await SweepAsync(plane);
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal((BatchStatus.Completed, 4_100 - lost.Length), (batch.Status, batch.CompletedLines));
        Assert.Equal(lost.Order(), (await IdsAsync(plane, batch.ErrorFileId!)).Order());
    }

    /// <summary>It is the last shard of a tenant that has more than may be in flight.</summary>
    [Fact]
    public async Task A_refused_line_is_refused_again_before_its_shard_is_sent()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(400, "[MASK:400] x") + Line("much", "[MASK:100000] z") + "\n");
        var plan = (await plane.Blobs(batch).FindPlanAsync(s_none))!;
        int refused = plan.Shards.Index().Single(shard => shard.Item.IsRefused).Index;
        Assert.True((await plane.Batches.Open.FindAsync(batch.Key, s_none))!.NumReleased <= refused, "all shards are in flight");
        string expected = await ErrorAsync(plane, batch, refused);
        await DeleteAsync(plane, batch, $"parts/{refused:D6}");
        await LoseAsync(plane, batch);

        await SweepAsync(plane);

        Assert.Equal(expected, await ErrorAsync(plane, batch, refused));
    }

    [Fact]
    public async Task A_cancelled_batch_keeps_the_error_of_a_refused_line_whose_part_is_lost()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(1) + Line("much", "[MASK:100000] z") + "\n");
        var plan = (await plane.Blobs(batch).FindPlanAsync(s_none))!;
        await DeleteAsync(plane, batch, $"parts/{plan.Shards.Index().Single(shard => shard.Item.IsRefused).Index:D6}");
        (await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null)).EnsureSuccessStatusCode();
        plane.Time.Advance(BatchTimes.CancelGrace);

        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Contains("too_much_work", (await plane.LinesAsync(batch.ErrorFileId!))[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lines_that_were_refused_are_refused_again_where_their_part_is_lost_too()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(2) + Line("much", new string('y', 60) + "[MASK:100000] z") + "\n");
        var plan = (await plane.Blobs(batch).FindPlanAsync(s_none))!;
        int refused = plan.Shards.Index().Single(shard => shard.Item.IsRefused).Index;
        for (int shard = 0; shard < plan.Shards.Count; shard++)
        {
            if (shard != refused)
                await plane.AnswerAsync(batch, shard);
        }
        string expected = await ErrorAsync(plane, batch, refused);
        await DeleteAsync(plane, batch, $"parts/{refused:D6}");
        await LoseAsync(plane, batch);

        await SweepAsync(plane);

        Assert.Equal(expected, await ErrorAsync(plane, batch, refused));
        Assert.Equal(0, await plane.CountAsync(StorageNames.GenerateQueue(StorageNames.DefaultProfile)));
    }

    [Fact]
    public async Task Shards_of_earlier_versions_are_counted()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(6, "[MASK:400] x"));
        var container = plane.Storage.Container(StorageNames.BatchesContainer);
        await foreach (var blob in container.GetBlobsAsync(
            new Azure.Storage.Blobs.Models.GetBlobsOptions { Prefix = $"{batch.Tenant}/{batch.RowKey}/shards/" }))
        {
            await container.GetBlobClient(blob.Name).SetMetadataAsync(new Dictionary<string, string>());
        }
        var plan = await LoseAsync(plane, batch);

        await SweepAsync(plane);

        var restored = (await plane.Blobs(batch).FindPlanAsync(s_none))!;
        Assert.Equal(plan.Shards.Select(shard => (0, shard.NumLines)), restored.Shards.Select(shard => (shard.Window, shard.NumLines)));
    }

    /// <summary>The error of the only line of a part.</summary>
    private static async Task<string> ErrorAsync(ControlPlane plane, BatchRecord batch, int shard) =>
        JsonNode.Parse((await plane.Blobs(batch).Parts.ReadAsync(shard, s_none)).Single().Json)!["error"]!.ToJsonString();

    private static async Task<BatchPlan> LoseAsync(ControlPlane plane, BatchRecord batch)
    {
        var plan = (await plane.Blobs(batch).FindPlanAsync(s_none))!;
        await DeleteAsync(plane, batch, "plan.json");
        return plan;
    }

    /// <returns>The custom_ids of the lines that the shard had.</returns>
    private static async Task<string[]> LoseAsync(ControlPlane plane, BatchRecord batch, int shard)
    {
        var plan = (await plane.Blobs(batch).FindPlanAsync(s_none))!;
        var lines = await plane.Blobs(batch).Shards.ReadAsync(plan.PlanId, shard, s_none);
        await DeleteAsync(plane, batch, $"shards/{plan.PlanId}/{shard:D6}.jsonl");
        return [.. lines.Select(line => line.CustomId)];
    }

    private static async Task DeleteAsync(ControlPlane plane, BatchRecord batch, string name) =>
        await plane.Storage.Container(StorageNames.BatchesContainer).DeleteBlobAsync($"{batch.Tenant}/{batch.RowKey}/{name}");

    private static async Task SweepAsync(ControlPlane plane)
    {
        await plane.Storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile)).ClearMessagesAsync();
        plane.Time.Advance(TimeSpan.FromMinutes(5));
        await plane.Get<BatchSweep>().RunAsync(s_none);
    }

    private static async Task<string[]> IdsAsync(ControlPlane plane, string file) =>
        [.. (await plane.LinesAsync(file)).Select(line => JsonNode.Parse(line)!["custom_id"]!.GetValue<string>())];
}
