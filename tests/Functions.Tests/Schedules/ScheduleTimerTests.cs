using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Schedules.Scheduling;

namespace LLaDA.Batch.Functions.Tests.Schedules;

public sealed class ScheduleTimerTests(StorageFixture fixture)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Each_occurrence_becomes_one_job_while_two_hosts_fire_and_are_killed_at_any_call(int seed)
    {
        const int occurrences = 25;
        var trial = new ScheduleTrial(fixture.NewConnectionString(), seed);

        var (jobs, runs) = await trial.RunAsync(occurrences, CancellationToken.None);

        Assert.Equal(ScheduleTrial.Expected(occurrences), jobs);
        Assert.Equal(jobs, runs);
        Assert.True(trial.Kills > 0);
    }

    [Fact]
    public async Task Twelve_hosts_at_once_make_one_job_with_one_event_and_wake_its_planning()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        string id = await CreatedAsync(plane);
        plane.Time.Advance(TimeSpan.FromMinutes(1));

        await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => NewHost(plane).RunAsync(CancellationToken.None)));

        var job = Assert.Single(await JobsAsync(plane));
        var run = Assert.Single(await RunsAsync(plane, id))!;
        Assert.Equal(
            ("job_created", job.Id, 1),
            (run["status"]!.GetValue<string>(), run["fine_tuning_job"]!.GetValue<string>(), run["blobs"]!.GetValue<int>()));
        var told = await ReadAsync(await plane.Client.GetAsync($"/v1/fine_tuning/jobs/{job.Id}/events"));
        Assert.Contains(id, Assert.Single(told["data"]!.AsArray())!["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.InRange(await plane.CountAsync(StorageNames.PlanTrainingQueue), 1, 12);
        Assert.Equal(job.Id, (await GetAsync(plane, id))["last_job"]!.GetValue<string>());
    }

    [Fact]
    public async Task Only_blobs_that_no_succeeded_job_has_seen_are_new_by_name_and_content()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        await UploadAsync(plane, "in/b.jsonl");
        await UploadAsync(plane, "elsewhere/c.jsonl");
        string id = await CreatedAsync(plane, """{"training_data":{"container":"corpus","prefix":"in","select":"new"}}""");

        await FireAsync(plane);
        await EndAsync(plane, await LastJobAsync(plane), FineTuningStatus.Failed);
        await FireAsync(plane);     // what failed was not learnt
        await EndAsync(plane, await LastJobAsync(plane));
        await FireAsync(plane);     // nothing new
        await FireAsync(plane);
        await UploadAsync(plane, "in/a.jsonl", Example + Example);
        await UploadAsync(plane, "in/c.jsonl");
        await FireAsync(plane);     // a is another, c is new
        await EndAsync(plane, await LastJobAsync(plane));
        await UploadAsync(plane, "in/d.jsonl");
        await FireAsync(plane);

        var runs = await RunsAsync(plane, id);
        Assert.Equal(["job_created", "job_created", "nothing_new", "nothing_new", "job_created", "job_created"], Outcomes(runs));
        Assert.Equal([2, 2, 2, 1], runs.Where(run => run!["fine_tuning_job"] is not null).Select(run => run!["blobs"]!.GetValue<int>()));
        Assert.Equal(4, (await JobsAsync(plane)).Count);
        Assert.Equal(
            ["seen", "sources"], await plane.Storage.Container(StorageNames.SchedulesContainer)
            .GetBlobsAsync().Select(list => list.Name.Split('/')[2]).ToListAsync());
    }

    [Fact]
    public async Task A_schedule_goes_on_from_its_last_result_that_succeeded_or_always_begins_anew()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        string anew = await CreatedAsync(plane), onwards = await CreatedAsync(plane, """{"start_from":"last_result"}""");
        foreach (var status in new[]
            { FineTuningStatus.Succeeded, FineTuningStatus.Failed, FineTuningStatus.Succeeded, FineTuningStatus.Cancelled })
        {
            await FireAsync(plane);
            foreach (var job in (await JobsAsync(plane)).Where(job => !job.IsTerminal))
                await EndAsync(plane, job, status);
        }

        Assert.All(await RunsAsync(plane, anew), run => Assert.Equal(Model, run!["model"]!.GetValue<string>()));
        var models = (await RunsAsync(plane, onwards)).Select(run => run!["model"]!.GetValue<string>()).ToList();
        Assert.Equal(Model, models[0]);
        Assert.StartsWith("ft:", models[1], StringComparison.Ordinal);
        Assert.Equal(models[1], models[2]);
        Assert.NotEqual(models[2], models[3]);
    }

    [Fact]
    public async Task While_a_job_is_at_work_an_occurrence_is_skipped_or_waits_for_its_turn()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        string skipping = await CreatedAsync(plane), queueing =
            await CreatedAsync(plane, """{"overlap":"queue","job":{"model":"org/model:1","metadata":{"is":"queued"}}}""");

        for (int minute = 0; minute < 3; minute++)
            await FireAsync(plane);
        Assert.Equal(["job_created", "overlap", "overlap"], Outcomes(await RunsAsync(plane, skipping)));
        Assert.Equal(["job_created"], Outcomes(await RunsAsync(plane, queueing)));
        Assert.Equal(2, (await GetAsync(plane, queueing))["waiting_runs"]!.GetValue<int>());

        for (int turn = 0; turn < 3; turn++)
        {
            foreach (var job in (await JobsAsync(plane)).Where(job => !job.IsTerminal && job.Metadata is not null))
                await EndAsync(plane, job);
            await FireAsync(plane, minutes: 0);
        }
        var runs = await RunsAsync(plane, queueing);
        Assert.Equal(["job_created", "job_created", "job_created"], Outcomes(runs));
        Assert.Equal(3, runs.Select(run => run!["due_at"]!.GetValue<long>()).Distinct().Count());
    }

    [Fact]
    public async Task A_schedule_that_is_deleted_while_a_host_stands_still_at_any_call_makes_nothing_that_is_trained()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        int numStalls = 0;
        for (bool isStalled = true; isStalled; numStalls++)
        {
            string id = await CreatedAsync(plane);
            plane.Time.Advance(TimeSpan.FromMinutes(1));
            var transport = new FaultyTransport(Fault.StallToTheEnd, numStalls + 1);
            await using var host = plane.NewHostOver(transport);
            var firing = host.GetRequiredService<ScheduleTimer>().RunAsync(CancellationToken.None);
            await Task.WhenAny(firing, transport.Stalled);
            isStalled = transport.IsStalled;
            var before = (await JobsAsync(plane)).Select(job => job.RowKey).ToHashSet();

            (await plane.Client.DeleteAsync($"/v1/schedules/{id}")).EnsureSuccessStatusCode();
            transport.Wake();
            await firing;

            foreach (var job in (await JobsAsync(plane)).Where(job => !before.Contains(job.RowKey)))
            {
                await FineTuning.Trainings.PlanAsync(plane, job);
                Assert.True((await FineTuning.Trainings.FindAsync(plane, job.Id)).ErrorCode == "training_data_not_found", transport.Hit);
            }
        }
        Assert.InRange(numStalls, 10, 100);
    }

    [Theory]
    [InlineData("latest", 59, 1)]
    [InlineData("skip", 60, 0)]
    [InlineData("all", 0, 60)]
    public async Task What_was_missed_while_no_host_was_up_follows_the_policy_and_is_recorded(string policy, int missed, int made)
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        plane.Time.Advance(TimeSpan.FromMinutes(59 - plane.Time.GetUtcNow().Minute));
        string id = await CreatedAsync(plane, $$"""{"cron":"0 * * * *","overlap":"queue","missed":"{{policy}}"}""");

        await FireAsync(plane, minutes: (59 * 60) + 30);
        for (int turn = 0; turn < made; turn++)
        {
            await EndAsync(plane, await LastJobAsync(plane));
            await FireAsync(plane, minutes: 0);
        }

        var runs = await RunsAsync(plane, id);
        Assert.Equal(made, (await JobsAsync(plane)).Count);
        Assert.Equal(missed, runs.Sum(run => run!["missed_runs"]?.GetValue<int>() ?? 0));
        Assert.Equal(made + (missed > 0 ? 1 : 0), runs.Count);
        await FireAsync(plane, minutes: 31);
        Assert.Equal("job_created", Outcomes(await RunsAsync(plane, id))[^1]);
    }

    [Fact]
    public async Task A_paused_schedule_makes_nothing_and_goes_on_with_the_next_occurrence()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        string id = await CreatedAsync(plane);

        var paused = await ReadAsync(await plane.Client.PostAsync($"/v1/schedules/{id}/pause", null));
        await FireAsync(plane, minutes: 30);
        Assert.Equal(("paused", null), (paused["status"]!.GetValue<string>(), paused["next_run_at"]));
        Assert.Empty(await RunsAsync(plane, id));

        (await plane.Client.PostAsync($"/v1/schedules/{id}/resume", null)).EnsureSuccessStatusCode();
        await FireAsync(plane, minutes: 0);
        Assert.Empty(await RunsAsync(plane, id));
        await FireAsync(plane);
        Assert.Equal(["job_created"], Outcomes(await RunsAsync(plane, id)));
    }

    [Fact]
    public async Task A_full_quota_makes_an_occurrence_wait_and_what_cannot_be_read_is_recorded()
    {
        await using var plane = await StartedAsync(fixture, ("Limits:MaxActiveTrainings", "1"), ("Limits:MaxFileBytes", "100"));
        await UploadAsync(plane, "in/a.jsonl");
        await UploadAsync(plane, "large/a.jsonl", new string('x', 101));
        string first = await CreatedAsync(plane);
        await FireAsync(plane);
        await plane.Client.PostAsync($"/v1/schedules/{first}/pause", null);
        string[] others =
            [await CreatedAsync(plane), await CreatedAsync(plane, Folder("large")), await CreatedAsync(plane, Folder("none"))];

        await FireAsync(plane);
        Assert.Equal(0, (await Task.WhenAll(others.Select(id => RunsAsync(plane, id)))).Sum(runs => runs.Count));
        await EndAsync(plane, await LastJobAsync(plane));
        await plane.Storage.Container("documents").GetBlobClient("in/b.jsonl").DeleteIfExistsAsync();
        for (int turn = 0; turn < 3; turn++)
        {
            await FireAsync(plane, minutes: 0);
            await EndAsync(plane, await LastJobAsync(plane));
        }
        Assert.Equal(
            ["job_created", "too_much_data", "no_data"], (await Task.WhenAll(others.Select(id => RunsAsync(plane, id))))
            .Select(runs => Outcomes(runs)[0]));

        await plane.Get<Shared.Documents.ContainerBindings>().UnbindAsync(Tenant, "corpus", CancellationToken.None);
        await FireAsync(plane);
        Assert.Equal("container_not_found", Outcomes(await RunsAsync(plane, others[0]))[^1]);
        Assert.Equal("failed", (await RunsAsync(plane, others[0]))[^1]!["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_lost_list_of_what_was_learnt_is_an_outcome()
    {
        await using var plane = await StartedAsync(fixture);
        await UploadAsync(plane, "in/a.jsonl");
        string id = await CreatedAsync(plane, """{"training_data":{"container":"corpus","prefix":"in","select":"new"}}""");
        await FireAsync(plane);
        await EndAsync(plane, await LastJobAsync(plane));
        var lists = plane.Storage.Container(StorageNames.SchedulesContainer);
        await foreach (var list in lists.GetBlobsAsync())
            await lists.DeleteBlobAsync(list.Name);

        await FireAsync(plane);

        Assert.Equal("list_lost", Outcomes(await RunsAsync(plane, id))[^1]);
    }

    private static string Folder(string prefix) =>
        new JsonObject { ["training_data"] = new JsonObject { ["container"] = "corpus", ["prefix"] = prefix } }.ToJsonString();
}
