using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Retention;

public sealed class RetentionTimerTests(StorageFixture fixture)
{
    [Fact]
    public async Task Inputs_and_results_go_after_their_time_and_training_data_stays()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await FinishedAsync(plane);
        string training = (await plane.UploadAsync("{}", "fine-tune"))["id"]!.GetValue<string>();

        await RunAsync(plane, TimeSpan.FromDays(29));
        Assert.Equal(3, await plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None).CountAsync());
        await RunAsync(plane, TimeSpan.FromDays(2));

        var left = Assert.Single(await plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync());
        Assert.Equal(training, left.Id);
        Assert.Single(await plane.Storage.Container(StorageNames.FilesContainer).GetBlobsAsync().ToListAsync());
        Assert.Equal(BatchStatus.Completed, (await plane.ReloadAsync(batch)).Status);
    }

    [Fact]
    public async Task What_is_left_of_the_work_goes_a_day_after_the_end_and_not_before()
    {
        await using var plane = await StartAsync(fixture);
        var ended = await FinishedAsync(plane);
        var running = await plane.PlannedAsync(Lines(1));

        await RunAsync(plane, TimeSpan.FromHours(23));
        Assert.True(await plane.Blobs(ended).Parts.ExistsAsync(0, CancellationToken.None));
        await RunAsync(plane, TimeSpan.FromHours(2));

        Assert.Equal(0, await plane.Blobs(ended).Parts.CountAsync(CancellationToken.None));
        Assert.Null(await plane.Blobs(ended).FindPlanAsync(CancellationToken.None));
        Assert.NotNull(await plane.Blobs(running).FindPlanAsync(CancellationToken.None));
        Assert.NotEmpty(await plane.LinesAsync((await plane.ReloadAsync(ended)).OutputFileId!));
    }

    [Fact]
    public async Task What_a_schedule_put_together_goes_after_ninety_days()
    {
        await using var plane = await Schedules.Scheduling.StartedAsync(fixture);
        await Schedules.Scheduling.UploadAsync(plane, "in/a.jsonl");
        await Schedules.Scheduling.CreatedAsync(plane);
        await Schedules.Scheduling.FireAsync(plane);
        await FineTuning.Trainings.PlanAsync(plane, await Schedules.Scheduling.LastJobAsync(plane));

        await RunAsync(plane, TimeSpan.FromDays(89));
        Assert.Single(await plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync());
        await RunAsync(plane, TimeSpan.FromDays(2));

        Assert.Empty(await plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync());
        Assert.True(await Schedules.Scheduling.Container(plane).GetBlobClient("in/a.jsonl").ExistsAsync());
    }

    [Fact]
    public async Task Outcomes_of_a_schedule_go_after_ninety_days_and_no_occurrence_comes_twice()
    {
        await using var plane = await Schedules.Scheduling.StartedAsync(fixture);
        string id = await Schedules.Scheduling.CreatedAsync(plane);
        await Schedules.Scheduling.FireAsync(plane);
        await plane.Client.PostAsync($"/v1/schedules/{id}/pause", null);

        await RunAsync(plane, TimeSpan.FromDays(89));
        Assert.Single(await Schedules.Scheduling.RunsAsync(plane, id));
        await RunAsync(plane, TimeSpan.FromDays(2));
        await plane.Client.PostAsync($"/v1/schedules/{id}/resume", null);
        await Schedules.Scheduling.FireAsync(plane, minutes: 0);

        Assert.Empty(await Schedules.Scheduling.RunsAsync(plane, id));
    }

    [Fact]
    public async Task Records_of_batches_go_at_last()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await FinishedAsync(plane);

        await RunAsync(plane, TimeSpan.FromDays(2));
        await RunAsync(plane, TimeSpan.FromDays(89));

        Assert.Null(await plane.Batches.FindAsync(batch.Tenant, batch.Id, CancellationToken.None));
    }

    private static async Task<BatchRecord> FinishedAsync(ControlPlane plane)
    {
        var batch = await plane.PlannedAsync(Lines(2));
        await plane.AnswerAsync(batch, 0);
        await plane.FinishAsync(batch);
        return await plane.ReloadAsync(batch);
    }

    private static Task RunAsync(ControlPlane plane, TimeSpan later)
    {
        plane.Time.Advance(later);
        return plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
    }
}
