using System.Text;
using Azure.Storage.Queues;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Tests.FineTuning;
using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Turns;

/// <summary>Plans and trainings of a tenant are sent a few at a time, oldest first: others do not wait behind all of them.</summary>
public sealed class PlanTurnsTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_tenant_with_many_batches_has_two_plans_in_the_queue_and_the_next_follows_a_plan()
    {
        await using var plane = await StartAsync(fixture);
        List<BatchRecord> batches = [];
        for (int index = 0; index < 5; index++)
        {
            batches.Add(await CreatedAsync(plane));
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal([batches[0].RowKey, batches[1].RowKey], await TakeAsync(plane));

        await plane.PlanAsync(batches[0]);

        Assert.Equal([batches[2].RowKey], await TakeAsync(plane));
    }

    [Fact]
    public async Task A_cancelled_batch_gives_its_place_up_and_takes_none()
    {
        await using var plane = await StartAsync(fixture);
        List<BatchRecord> batches = [];
        for (int index = 0; index < 4; index++)
        {
            batches.Add(await CreatedAsync(plane));
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }
        await TakeAsync(plane);
        foreach (int index in new[] { 1, 2 })
            (await plane.Client.PostAsync($"/v1/batches/{batches[index].Id}/cancel", null)).EnsureSuccessStatusCode();

        await plane.PlanAsync(batches[1]);

        Assert.Equal([batches[3].RowKey], await TakeAsync(plane));
        Assert.Null(await plane.Blobs(batches[1]).FindPlanAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_place_that_a_dead_process_left_is_filled_by_the_sweep_and_a_batch_that_waits_is_not_stalled()
    {
        await using var plane = await StartAsync(fixture);
        var batches = await ThreeAsync(plane);
        plane.Time.Advance(TimeSpan.FromMinutes(5));
        await plane.Get<BatchSweep>().RunAsync(CancellationToken.None);
        Assert.DoesNotContain(batches[2].RowKey, await TakeAsync(plane));
        await plane.Batches.Open.DeleteAsync(batches[0].Key, CancellationToken.None);       // planned and closed, and then the process died

        await plane.Get<BatchSweep>().RunAsync(CancellationToken.None);

        Assert.Contains(batches[2].RowKey, await TakeAsync(plane));
    }

    [Fact]
    public async Task Filling_at_once_sends_no_plan_twice()
    {
        await using var plane = await StartAsync(fixture);
        await ThreeAsync(plane);
        await TakeAsync(plane);
        await foreach (var row in plane.Batches.Open.ListAsync(Tenant, CancellationToken.None))
            await SetUnsentAsync(plane, row.Job);
        var turns = plane.Get<PlanTurns<OpenBatchRow, BatchRecord>>();

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => turns.FillAsync(Tenant, CancellationToken.None)));

        string[] sent = await TakeAsync(plane);
        Assert.InRange(sent.Length, 2, 3);
        Assert.Distinct(sent);
    }

    [Fact]
    public async Task A_batch_that_is_cancelled_while_it_is_planned_is_not_planned_on()
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        var batch = await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(9000, "[MASK:400] x")));
        int shards = 0;
        faults.Before = async call =>
        {
            if (!call.StartsWith("PUT", StringComparison.Ordinal) || !call.Contains("/shards/", StringComparison.Ordinal)
                || Interlocked.Increment(ref shards) != 1)
                return;
            (await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null)).EnsureSuccessStatusCode();
            plane.Time.Advance(Heartbeat.Interval);
            while ((await plane.ReloadAsync(batch)).Status != BatchStatus.Cancelling || shards == 0)
                await Task.Yield();
        };

        await plane.PlanAsync(batch);

        Assert.InRange(shards, 1, 300);     // of the more than 500 of three windows
        Assert.Null(await plane.Blobs(batch).FindPlanAsync(CancellationToken.None));
        Assert.Equal(BatchStatus.Cancelling, (await plane.ReloadAsync(batch)).Status);
        Assert.Null((await plane.Batches.Open.FindAsync(batch.Key, CancellationToken.None))!.PlanFailedAt);
    }

    [Fact]
    public async Task Trainings_of_a_tenant_are_planned_and_trained_a_few_at_a_time()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxTrainingsAtOnce", "1"));
        List<FineTuningJobRecord> jobs = [];
        for (int index = 0; index < 3; index++)
        {
            jobs.Add(await Trainings.CreatedAsync(plane));
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(2, await plane.CountAsync(StorageNames.PlanTrainingQueue));
        foreach (var job in jobs)
            await Trainings.PlanAsync(plane, job);
        Assert.Equal(3, await plane.CountAsync(StorageNames.PlanTrainingQueue));
        Assert.Equal([jobs[0].RowKey], await TakeTrainingsAsync(plane));

        var trained = await Trainings.TrainAsync(plane, await Trainings.FindAsync(plane, jobs[0].Id));
        await Trainings.FinishAsync(plane, trained);
        Assert.Equal([jobs[1].RowKey], await TakeTrainingsAsync(plane));

        (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{jobs[1].Id}/pause", null)).EnsureSuccessStatusCode();
        Assert.Equal([jobs[2].RowKey], await TakeTrainingsAsync(plane));

        (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{jobs[1].Id}/resume", null)).EnsureSuccessStatusCode();
        Assert.Empty(await TakeTrainingsAsync(plane));
        (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{jobs[2].Id}/cancel", null)).EnsureSuccessStatusCode();
        Assert.Equal([jobs[1].RowKey], await TakeTrainingsAsync(plane));
    }

    [Fact]
    public async Task A_training_that_waits_for_its_turn_is_not_stalled_and_the_sweep_fills_a_place()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxTrainingsAtOnce", "1"));
        var first = await Trainings.PlannedAsync(plane);
        plane.Time.Advance(TimeSpan.FromSeconds(1));
        var second = await Trainings.PlannedAsync(plane);
        Assert.Equal([first.RowKey], await TakeTrainingsAsync(plane));

        plane.Time.Advance(TimeSpan.FromMinutes(5));
        await plane.Get<FineTuningSweep>().RunAsync(CancellationToken.None);
        Assert.Equal([first.RowKey], await TakeTrainingsAsync(plane));      // its message got lost
        await plane.Get<FineTuningStore>().UpdateAsync(first, job => job.TryCancel(plane.Time.GetUtcNow()), CancellationToken.None);
        await plane.Get<FineTuningSweep>().RunAsync(CancellationToken.None);

        Assert.Equal([second.RowKey], await TakeTrainingsAsync(plane));
    }

    private static Task<BatchRecord> CreatedAsync(ControlPlane plane) => plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));

    private static async Task<BatchRecord[]> ThreeAsync(ControlPlane plane)
    {
        List<BatchRecord> batches = [];
        for (int index = 0; index < 3; index++)
        {
            batches.Add(await CreatedAsync(plane));
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }
        return [.. batches];
    }

    private static async Task SetUnsentAsync(ControlPlane plane, JobKey job) => await plane.Batches.Open.UpdateAsync(job, row =>
    {
        row.PlanSentAt = null;
        return true;
    }, CancellationToken.None);

    /// <summary>Takes the batches of all messages of the queue.</summary>
    private static async Task<string[]> TakeAsync(ControlPlane plane) =>
        [.. (await TakeAsync(plane.Storage.Queue(StorageNames.PlanQueue))).Select(text => MessageReader.TryRead<PlanMessage>(text)!.Batch)];

    private static async Task<string[]> TakeTrainingsAsync(ControlPlane plane)
    {
        var texts = await TakeAsync(plane.Storage.Queue(StorageNames.TrainQueue(StorageNames.DefaultProfile)));
        return [.. texts.Select(text => MessageReader.TryRead<TrainingMessage>(text)!.Job)];
    }

    private static async Task<List<string>> TakeAsync(QueueClient queue)
    {
        List<string> texts = [];
        foreach (var message in (await queue.ReceiveMessagesAsync(32)).Value)
        {
            texts.Add(message.Body.ToString());
            await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
        }
        return texts;
    }
}
