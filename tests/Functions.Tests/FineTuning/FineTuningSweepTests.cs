using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.FineTuning.Trainings;

namespace LLaDA.Batch.Functions.Tests.FineTuning;

public sealed class FineTuningSweepTests(StorageFixture fixture)
{
    private static readonly string s_train = StorageNames.TrainQueue(StorageNames.DefaultProfile);
    private static readonly TimeSpan s_later = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task What_got_lost_is_sent_again_and_what_moves_is_left_alone()
    {
        await using var plane = await StartAsync(fixture);
        var job = await CreatedAsync(plane);
        await EmptyAsync(plane);

        Assert.Equal((0, 0, 0), await SweepAsync(plane, TimeSpan.Zero));
        Assert.Equal((1, 0, 0), await SweepAsync(plane, s_later));
        await PlanAsync(plane, job);
        Assert.Equal((0, 0, 0), await SweepAsync(plane, TimeSpan.Zero, keepsTrain: true));
        await EmptyAsync(plane);
        Assert.Equal((0, 1, 0), await SweepAsync(plane, s_later));
        await TrainAsync(plane, await FindAsync(plane, job.Id));
        Assert.Equal((0, 0, 1), await SweepAsync(plane, s_later));
        await FinishAsync(plane, job);
        Assert.Equal((0, 0, 0), await SweepAsync(plane, s_later));
    }

    [Fact]
    public async Task A_job_that_waits_in_its_queue_or_is_trained_or_paused_is_not_sent_again()
    {
        await using var plane = await StartAsync(fixture);
        var job = await PlannedAsync(plane);
        plane.Time.Advance(s_later);
        await plane.Get<FineTuningSweep>().RunAsync(CancellationToken.None);
        Assert.Equal(1, await plane.CountAsync(s_train));

        await EmptyAsync(plane);
        var lease = await new FineTuningBlobs(plane.Storage, job).LeaseAsync(CancellationToken.None);
        await lease.AcquireAsync(TimeSpan.FromSeconds(60));
        Assert.Equal((0, 0, 0), await SweepAsync(plane, s_later));
        await lease.ReleaseAsync();
        (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/pause", null)).EnsureSuccessStatusCode();
        Assert.Equal((0, 0, 0), await SweepAsync(plane, s_later));
    }

    [Fact]
    public async Task A_plan_that_waits_behind_others_is_not_sent_again()
    {
        await using var plane = await StartAsync(fixture);
        await CreatedAsync(plane);

        Assert.Equal((1, 0, 0), await SweepAsync(plane, s_later));
    }

    [Fact]
    public async Task A_finish_that_fails_is_tried_for_an_hour_before_it_ends_the_job_with_a_reason()
    {
        await using var plane = await StartAsync(fixture);
        var job = await TrainAsync(plane, await PlannedAsync(plane));
        var message = new TrainingMessage(job.Tenant, job.RowKey);

        plane.Time.Advance(TimeSpan.FromMinutes(59));
        await plane.Get<FinishFineTuningHandler>().GiveUpAsync(message, CancellationToken.None);
        Assert.Equal(FineTuningStatus.Running, (await FindAsync(plane, job.Id)).Status);
        plane.Time.Advance(TimeSpan.FromMinutes(2));
        await plane.Get<FinishFineTuningHandler>().GiveUpAsync(message, CancellationToken.None);

        Assert.Equal("finishing_failed", (await FindAsync(plane, job.Id)).ErrorCode);
    }

    [Fact]
    public async Task A_last_checkpoint_that_was_published_and_not_registered_is_for_the_trainer_and_no_failure()
    {
        await using var plane = await StartAsync(fixture);
        var job = await PlannedAsync(plane);
        await TrainAsync(plane, job, isRegistered: false);
        await EmptyAsync(plane);

        await FinishAsync(plane, job);
        Assert.Equal(FineTuningStatus.Running, (await FindAsync(plane, job.Id)).Status);
        Assert.Equal((0, 1, 0), await SweepAsync(plane, s_later));

        await TrainAsync(plane, job);
        Assert.Equal((0, 0, 1), await SweepAsync(plane, s_later));
        await FinishAsync(plane, job);
        Assert.Equal(FineTuningStatus.Succeeded, (await FindAsync(plane, job.Id)).Status);
    }

    [Fact]
    public async Task A_job_whose_close_was_cut_short_is_closed_again()
    {
        await using var plane = await StartAsync(fixture);
        var job = await PlannedAsync(plane);
        var jobs = plane.Get<FineTuningStore>();
        var failure = new FineTuningFailure("training_failed", "why");
        await jobs.UpdateAsync(
            job, current => current.TryFailRun(current.RunNumber, failure, plane.Time.GetUtcNow()), CancellationToken.None);

        await SweepAsync(plane, TimeSpan.Zero);

        Assert.Empty(await jobs.Open.ListAsync(Tenant, CancellationToken.None).ToListAsync());
        var told = (await GetAsync(plane, $"/{job.Id}/events"))["data"]![0]!;
        Assert.Equal(
            ("The job has failed: why", "error"), (told["message"]!.GetValue<string>(), told["level"]!.GetValue<string>()));
    }

    private static async Task<(int Plans, int Trains, int Finishes)> SweepAsync(ControlPlane plane, TimeSpan later, bool keepsTrain = false)
    {
        plane.Time.Advance(later);
        int before = keepsTrain ? await plane.CountAsync(s_train) : 0;
        await plane.Get<FineTuningSweep>().RunAsync(CancellationToken.None);
        var counts = (
            await plane.CountAsync(StorageNames.PlanTrainingQueue), await plane.CountAsync(s_train) - before,
            await plane.CountAsync(StorageNames.FinishTrainingQueue));
        await EmptyAsync(plane);
        return counts;
    }

    private static async Task EmptyAsync(ControlPlane plane)
    {
        foreach (string queue in new[] { StorageNames.PlanTrainingQueue, s_train, StorageNames.FinishTrainingQueue })
            await plane.Storage.Queue(queue).ClearMessagesAsync();
    }
}
