using System.Text;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Tests;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests;

public sealed class SweepActiveTests(StorageFixture fixture)
{
    private static readonly string s_shards = StorageNames.GenerateQueue(StorageNames.DefaultProfile);

    [Fact]
    public async Task A_batch_that_moves_is_left_alone()
    {
        await using var plane = await StartAsync(fixture);
        await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));
        await EmptyAsync(plane);

        await SweepAsync(plane, TimeSpan.Zero);

        Assert.Equal((0, 0, 0), await CountsAsync(plane));
    }

    [Fact]
    public async Task A_plan_that_got_lost_is_sent_again()
    {
        await using var plane = await StartAsync(fixture);
        await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));
        await EmptyAsync(plane);

        await SweepAsync(plane, TimeSpan.FromMinutes(5));

        Assert.Equal((1, 0, 0), await CountsAsync(plane));
    }

    [Fact]
    public async Task Shards_that_got_lost_are_sent_again_and_those_with_parts_are_not()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(4, "[MASK:400] x"));
        int shards = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!.Shards.Count;
        await plane.AnswerAsync(batch, 0);
        await EmptyAsync(plane);

        await SweepAsync(plane, TimeSpan.FromMinutes(5));

        Assert.Equal((0, shards - 1, 0), await CountsAsync(plane));
    }

    [Fact]
    public async Task Shards_are_not_sent_again_while_the_queue_may_hold_them()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(4, "[MASK:400] x"));
        int shards = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!.Shards.Count;

        await SweepAsync(plane, TimeSpan.FromMinutes(5));

        Assert.Equal(shards, await plane.CountAsync(s_shards));
    }

    [Fact]
    public async Task A_finish_that_got_lost_is_sent_again()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(1));
        await plane.AnswerAsync(batch, 0);
        await EmptyAsync(plane);

        await SweepAsync(plane, TimeSpan.FromMinutes(5));

        Assert.Equal((0, 0, 1), await CountsAsync(plane));
    }

    [Fact]
    public async Task A_batch_whose_window_ended_is_finished()
    {
        await using var plane = await StartAsync(fixture);
        await plane.PlannedAsync(Lines(1));
        await EmptyAsync(plane);

        await SweepAsync(plane, TimeSpan.FromHours(25));

        Assert.Equal((0, 0, 1), await CountsAsync(plane));
    }

    [Fact]
    public async Task Terminal_batches_are_not_looked_at_any_more()
    {
        await using var plane = await StartAsync(fixture);
        await plane.PlannedAsync("nonsense");

        await SweepAsync(plane, TimeSpan.FromMinutes(5));

        Assert.Empty(await plane.Storage.Table(StorageNames.ActiveTable).QueryAsync<ActiveRecord>().ToListAsync());
    }

    private static async Task SweepAsync(ControlPlane plane, TimeSpan later)
    {
        plane.Time.Advance(later);
        await plane.Get<SweepActive>().RunAsync(CancellationToken.None);
    }

    private static async Task EmptyAsync(ControlPlane plane)
    {
        foreach (string queue in new[] { StorageNames.PlanQueue, s_shards, StorageNames.FinishQueue })
            await plane.Storage.Queue(queue).ClearMessagesAsync();
    }

    private static async Task<(int Plans, int Shards, int Finishes)> CountsAsync(ControlPlane plane) =>
        (await plane.CountAsync(StorageNames.PlanQueue), await plane.CountAsync(s_shards), await plane.CountAsync(StorageNames.FinishQueue));
}
