using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Schedules.Scheduling;

namespace LLaDA.Batch.Functions.Tests.FineTuning;

public sealed class ScheduledFileAssemblyTests(StorageFixture fixture)
{
    [Fact]
    public async Task All_blobs_are_joined_line_by_line_whatever_they_end_with_and_planning_twice_changes_nothing()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl", "\ufeff" + Example.TrimEnd());
        await UploadAsync(plane, "in/b.jsonl", "\r\n" + Example.TrimEnd() + "\r\n\r\n" + Example);
        await UploadAsync(plane, "in/empty.jsonl", "");
        await CreatedAsync(plane);
        await FireAsync(plane);
        var job = await LastJobAsync(plane);

        await Task.WhenAll(FineTuning.Trainings.PlanAsync(plane, job), FineTuning.Trainings.PlanAsync(plane, job));
        await FineTuning.Trainings.PlanAsync(plane, job);

        job = await LastJobAsync(plane);
        Assert.Equal((FineTuningStatus.Queued, 3), (job.Status, job.NumExamples));
        Assert.Equal(Enumerable.Repeat(Example.TrimEnd(), 3), await plane.LinesAsync(job.TrainingFileId!));
        Assert.InRange(await plane.CountAsync(StorageNames.TrainQueue(StorageNames.DefaultProfile)), 1, 2);
    }

    [Fact]
    public async Task A_bad_line_is_named_by_its_blob_before_any_training()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        await UploadAsync(plane, "in/b.jsonl", Example + "nonsense\n");
        await CreatedAsync(plane);

        var job = await PlannedAsync(plane);

        Assert.Equal((FineTuningStatus.Failed, "invalid_training_data"), (job.Status, job.ErrorCode));
        Assert.StartsWith("in/b.jsonl, line 2: it is not valid JSON: unexpected", job.ErrorMessage, StringComparison.Ordinal);
        Assert.Empty((await ReadAsync(await plane.Client.GetAsync("/v1/files")))["data"]!.AsArray());
    }

    [Fact]
    public async Task A_blob_that_changes_before_it_is_read_is_left_to_the_next_run_and_an_event_says_so()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        await UploadAsync(plane, "in/b.jsonl");
        string id = await CreatedAsync(plane, """{"training_data":{"container":"corpus","prefix":"in","select":"new"}}""");
        await FireAsync(plane);
        await UploadAsync(plane, "in/b.jsonl", Example + Example);
        await FineTuning.Trainings.PlanAsync(plane, await LastJobAsync(plane));

        var job = await LastJobAsync(plane);
        Assert.Equal(1, job.NumExamples);
        var told = await ReadAsync(await plane.Client.GetAsync($"/v1/fine_tuning/jobs/{job.Id}/events?order=asc"));
        Assert.Contains("in/b.jsonl", told["data"]![1]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
        await EndAsync(plane, job);
        await FireAsync(plane);
        Assert.Equal([2, 1], (await RunsAsync(plane, id)).Select(run => run!["blobs"]!.GetValue<int>()));
    }

    [Fact]
    public async Task What_is_archived_is_left_out_and_is_new_when_it_comes_back()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        await UploadAsync(plane, "in/b.jsonl");
        await UploadAsync(plane, "in/c.jsonl");
        await ArchiveAsync("in/b.jsonl");
        string id = await CreatedAsync(plane, """{"training_data":{"container":"corpus","prefix":"in","select":"new"}}""");
        await FireAsync(plane);
        await ArchiveAsync("in/c.jsonl");
        await FineTuning.Trainings.PlanAsync(plane, await LastJobAsync(plane));

        Assert.Equal((FineTuningStatus.Queued, 1), ((await LastJobAsync(plane)).Status, (await LastJobAsync(plane)).NumExamples));
        await EndAsync(plane, await LastJobAsync(plane));
        await Container(plane).GetBlobClient("in/b.jsonl").SetAccessTierAsync(AccessTier.Hot);
        await FireAsync(plane);
        Assert.Equal([2, 1], (await RunsAsync(plane, id)).Select(run => run!["blobs"]!.GetValue<int>()));

        Task ArchiveAsync(string name) => Container(plane).GetBlobClient(name).SetAccessTierAsync(AccessTier.Archive);
    }

    [Fact]
    public async Task What_is_gone_before_it_is_read_ends_the_job_with_a_reason()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        await CreatedAsync(plane);
        await FireAsync(plane);
        await Container(plane).DeleteBlobAsync("in/a.jsonl");
        await FineTuning.Trainings.PlanAsync(plane, await LastJobAsync(plane));

        Assert.Equal("training_data_changed", (await LastJobAsync(plane)).ErrorCode);
    }

    [Fact]
    public async Task A_deleted_schedule_leaves_nothing_but_its_jobs_and_they_go_on()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        string id = await CreatedAsync(plane);
        await FireAsync(plane);
        await EndAsync(plane, await LastJobAsync(plane));
        await FireAsync(plane);

        (await plane.Client.DeleteAsync($"/v1/schedules/{id}")).EnsureSuccessStatusCode();
        var job = await PlannedAsync(plane);

        Assert.Equal(FineTuningStatus.Queued, job.Status);
        Assert.Equal(2, (await JobsAsync(plane)).Count);
        Assert.Equal([job.Sources!], await plane.Storage.Container(StorageNames.SchedulesContainer).GetBlobsAsync().Select(blob => blob.Name).ToListAsync());
        Assert.Equal(0, await plane.Storage.Table(StorageNames.ScheduleRunsTable).QueryAsync<Azure.Data.Tables.TableEntity>().CountAsync());
    }

    /// <summary>Fires where nothing has fired, and plans the last job.</summary>
    private static async Task<FineTuningJobRecord> PlannedAsync(ControlPlane plane)
    {
        if ((await JobsAsync(plane)).Count == 0)
            await FireAsync(plane);
        await FineTuning.Trainings.PlanAsync(plane, await LastJobAsync(plane));
        return await LastJobAsync(plane);
    }
}
