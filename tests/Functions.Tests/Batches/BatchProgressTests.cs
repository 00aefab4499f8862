using System.Text;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class BatchProgressTests(StorageFixture fixture)
{
    private static readonly DateTimeOffset s_begun = new(2026, 1, 2, 3, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_speed_is_that_of_the_last_ten_minutes_and_gives_the_time_of_the_end()
    {
        var steady = Of(Work(10, 1), Work(10, 2), Work(10, 4));
        var faster = Of(Work(10, 5), Work(100, 25), Work(100, 30), Work(10, 31));
        var now = s_begun.AddMinutes(40);

        Assert.Equal(7.5, steady.LinesPerMinute);
        Assert.Equal(now.AddMinutes(4), steady.EndsAt(30, now));
        Assert.Equal(21, faster.LinesPerMinute);
    }

    [Fact]
    public void Lines_that_no_worker_ran_say_nothing_about_speed()
    {
        var progress = Of(Work(10, 1) with { Worker = null });

        Assert.Null(progress.LinesPerMinute);
        Assert.Null(progress.EndsAt(5, s_begun));
    }

    [Fact]
    public void Workers_are_counted_once_and_the_place_ends_with_the_first_line()
    {
        var progress = Of(Work(1, 1), Work(1, 2), Work(1, 3) with { Worker = "b" });

        Assert.Equal(2, progress.WorkersSeen);
        Assert.Null(progress.QueuePosition);
        Assert.Equal(3, Of().QueuePosition);
        Assert.Equal(9, progress.TokensDone);
    }

    [Fact]
    public async Task A_batch_shows_its_place_its_estimate_and_its_errors_by_code()
    {
        await using var plane = await StartAsync(fixture);
        var first = await plane.PlannedAsync(Lines(2, "[MASK:400] x"));
        plane.Time.Advance(TimeSpan.FromSeconds(1));
        var second = await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));

        var waiting = await GetAsync(plane, second);
        Assert.Equal(2, waiting["progress"]!["queue_position"]!.GetValue<int>());
        Assert.Null(waiting["progress"]!["tokens_estimated"]);
        Assert.InRange((await GetAsync(plane, first))["progress"]!["tokens_estimated"]!.GetValue<long>(), 800, 900);

        var shard = (await plane.Blobs(first).Shards.ReadAsync(
            (await plane.Blobs(first).FindPlanAsync(CancellationToken.None))!.PlanId, 0, CancellationToken.None))[0];
        var refused = OutputLines.Refused(shard, 400, new ApiError("No", "invalid_request_error", "text", "no_gap"));
        await plane.Blobs(first).Parts.WriteAsync(0, [refused], new PartCounts(0, 1, 0, 0), CancellationToken.None, "worker");
        plane.Time.Advance(TimeSpan.FromMinutes(2));
        var running = await GetAsync(plane, first);
        Assert.Equal("""{"no_gap":1}""", running["error_counts"]!.ToJsonString());
        Assert.Equal(1, running["progress"]!["workers_seen"]!.GetValue<int>());
        Assert.Null(running["progress"]!["queue_position"]);

        (await plane.Client.PostAsync($"/v1/batches/{first.Id}/cancel", null)).EnsureSuccessStatusCode();
        plane.Time.Advance(BatchTimes.CancelGrace);
        await plane.FinishAsync(first);
        var ended = await GetAsync(plane, first);
        Assert.Equal("""{"batch_cancelled":1,"no_gap":1}""", ended["error_counts"]!.ToJsonString());
        Assert.Null(ended["progress"]);
    }

    private static BatchProgress Of(params FinishedWork[] finished) =>
        BatchProgress.Of(new BatchRecord { InProgressAt = s_begun }, finished, position: 3);

    private static FinishedWork Work(int lines, int minute) => new(new PartCounts(lines, 0, 2, 1), s_begun.AddMinutes(minute), "a");

    private static async Task<System.Text.Json.Nodes.JsonNode> GetAsync(ControlPlane plane, BatchRecord batch) =>
        await ReadAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}"));
}
