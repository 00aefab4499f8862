using System.Text;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class BatchSweepTests(StorageFixture fixture)
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
    public async Task A_killed_plan_is_sent_again_within_a_minute()
    {
        await using var plane = await StartAsync(fixture);
        await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));
        await plane.Storage.Queue(StorageNames.PlanQueue).ReceiveMessageAsync(TimeSpan.FromMinutes(10));

        await SweepAsync(plane, TimeSpan.FromSeconds(25));
        Assert.Equal(1, await plane.CountAsync(StorageNames.PlanQueue));
        await SweepAsync(plane, TimeSpan.FromSeconds(30));
        Assert.Equal(2, await plane.CountAsync(StorageNames.PlanQueue));
    }

    [Fact]
    public async Task A_plan_or_a_finish_that_waits_behind_others_is_not_sent_again()
    {
        await using var plane = await StartAsync(fixture);
        var waiting = await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));
        await SweepAsync(plane, TimeSpan.FromMinutes(5));
        Assert.Equal((1, 0, 0), await CountsAsync(plane));

        await EmptyAsync(plane);
        await SweepAsync(plane, TimeSpan.Zero);
        await SweepAsync(plane, TimeSpan.FromSeconds(30));
        Assert.Equal((1, 0, 0), await CountsAsync(plane));

        await plane.PlanAsync(waiting);
        await plane.AnswerAsync(waiting, 0);
        await EmptyAsync(plane);
        await SweepAsync(plane, TimeSpan.FromMinutes(5));
        await SweepAsync(plane, TimeSpan.FromSeconds(30));
        Assert.Equal((0, 0, 1), await CountsAsync(plane));
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
    public async Task A_batch_whose_window_ended_is_left_alone_while_it_is_being_finished()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(1));
        await plane.Batches.UpdateAsync(batch, current =>
        {
            current.ExpiresAt = plane.Time.GetUtcNow() - TimeSpan.FromHours(1);
            return true;
        }, CancellationToken.None);
        await EmptyAsync(plane);

        await SweepAsync(plane, TimeSpan.FromSeconds(20));
        Assert.Equal((0, 0, 0), await CountsAsync(plane));
        await SweepAsync(plane, TimeSpan.FromSeconds(20));
        Assert.Equal((0, 0, 1), await CountsAsync(plane));
    }

    [Fact]
    public async Task Terminal_batches_are_not_looked_at_any_more()
    {
        await using var plane = await StartAsync(fixture);
        await plane.PlannedAsync("nonsense");

        await SweepAsync(plane, TimeSpan.FromMinutes(5));

        Assert.Empty(await plane.Storage.Table(StorageNames.ActiveTable).QueryAsync<OpenBatchRow>().ToListAsync());
    }

    [Fact]
    public async Task A_batch_whose_close_was_cut_short_is_closed_again()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync("nonsense");
        await plane.Batches.Open.PutAsync(batch.Key, new OpenBatchRow(), CancellationToken.None);

        await SweepAsync(plane, TimeSpan.FromMinutes(5));

        Assert.Null(await plane.Batches.Open.FindAsync(batch.Key, CancellationToken.None));
    }

    [Fact]
    public async Task A_shard_that_somebody_works_on_is_not_sent_again()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(4, "[MASK:400] x"));
        var plan = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!;
        await EmptyAsync(plane);
        await plane.Blobs(batch).Shards.LeaseOf(plan.PlanId, 1).AcquireAsync(TimeSpan.FromSeconds(60));

        await SweepAsync(plane, TimeSpan.FromMinutes(5));
        await SweepAsync(plane, TimeSpan.FromSeconds(30));

        Assert.Equal((0, plan.Shards.Count - 1, 0), await CountsAsync(plane));
    }

    [Fact]
    public async Task A_place_that_was_not_passed_on_is_filled()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(40, "[MASK:400] and some more"));
        int released = (await plane.Batches.Open.FindAsync(batch.Key, CancellationToken.None))!.NumReleased;
        await EmptyAsync(plane);
        for (int shard = 0; shard < 3; shard++)
            await plane.AnswerAsync(batch, shard);

        await SweepAsync(plane, TimeSpan.FromSeconds(30));

        Assert.Equal((0, 3, 0), await CountsAsync(plane));
        Assert.Equal(released + 3, (await plane.Batches.Open.FindAsync(batch.Key, CancellationToken.None))!.NumReleased);
    }

    private static async Task SweepAsync(ControlPlane plane, TimeSpan later)
    {
        plane.Time.Advance(later);
        await plane.Get<BatchSweep>().RunAsync(CancellationToken.None);
    }

    private static async Task EmptyAsync(ControlPlane plane)
    {
        foreach (string queue in new[] { StorageNames.PlanQueue, s_shards, StorageNames.FinishQueue })
            await plane.Storage.Queue(queue).ClearMessagesAsync();
    }

    private static async Task<(int Plans, int Shards, int Finishes)> CountsAsync(ControlPlane plane) =>
        (await plane.CountAsync(StorageNames.PlanQueue), await plane.CountAsync(s_shards),
            await plane.CountAsync(StorageNames.FinishQueue));
}
