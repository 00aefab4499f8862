using System.Net;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.FineTuning.Trainings;

namespace LLaDA.Batch.Functions.Tests.FineTuning;

/// <summary>What a tenant sees of its jobs, and does with them.</summary>
public sealed class FineTuningJobsTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_finished_job_names_a_model_a_file_of_metrics_and_checkpoints_that_are_models_too()
    {
        await using var plane = await StartAsync(fixture);
        var job = await PlannedAsync(plane, extra: new JsonObject { ["suffix"] = "mine" });
        await TrainAsync(plane, job, step: 3);
        await TrainAsync(plane, job);

        await FinishAsync(plane, job);
        await FinishAsync(plane, job);

        var ended = await GetAsync(plane, $"/{job.Id}");
        Assert.Equal("succeeded", ended["status"]!.GetValue<string>());
        string name = ended["fine_tuned_model"]!.GetValue<string>();
        Assert.Equal($"ft:{Model}::mine:{job.RowKey[^12..]}", name);
        var checkpoints = (await GetAsync(plane, $"/{job.Id}/checkpoints"))["data"]!.AsArray();
        Assert.Equal([6, 3], checkpoints.Select(checkpoint => checkpoint!["step_number"]!.GetValue<int>()));
        Assert.Equal(
            """{"step":6,"train_loss":1.5,"valid_loss":2,"full_valid_loss":2,"margin":0.25}""", checkpoints[0]!["metrics"]!.ToJsonString());
        var catalog = plane.Get<ModelCatalog>();
        var model = (await catalog.FindAsync(Tenant, name, CancellationToken.None))!;
        Assert.Equal($"{Tenant}/{job.RowKey}/2/6", model.Folder);
        Assert.Equal(
            $"{Tenant}/{job.RowKey}/1/3", (await catalog.FindAsync(Tenant, $"{name}:ckpt-step-3", CancellationToken.None))!.Folder);
        Assert.Equal(["step,train_loss"], await plane.LinesAsync(ended["result_files"]![0]!.GetValue<string>()));
        Assert.Null(await catalog.FindAsync("another", name, CancellationToken.None));
    }

    [Fact]
    public async Task Events_tell_the_story_newest_first_over_pages_and_in_both_orders()
    {
        await using var plane = await StartAsync(fixture);
        var job = await PlannedAsync(plane);
        await TrainAsync(plane, job);
        await FinishAsync(plane, job);
        List<string> seen = [];
        for (bool hasMore = true; hasMore;)
        {
            var page = await GetAsync(plane, $"/{job.Id}/events?limit=2{(seen.Count > 0 ? $"&after={seen[^1]}" : "")}");
            seen.AddRange(page["data"]!.AsArray().Select(entry => entry!["id"]!.GetValue<string>()));
            hasMore = page["has_more"]!.GetValue<bool>();
        }

        var all = (await GetAsync(plane, $"/{job.Id}/events?order=asc"))["data"]!.AsArray();
        Assert.Equal(seen, all.Reverse().Select(entry => entry!["id"]!.GetValue<string>()));
        Assert.Equal(["Created", "Files", "Step", "The"], all.Select(entry => entry!["message"]!.GetValue<string>().Split(' ')[0]));
        Assert.Equal(1.5, all[2]!["data"]!["train_loss"]!.GetValue<double>());
    }

    [Fact]
    public async Task A_cancelled_job_keeps_its_checkpoints_and_cannot_go_on()
    {
        await using var plane = await StartAsync(fixture);
        var job = await PlannedAsync(plane);
        await TrainAsync(plane, job, step: 3);

        var cancelled = await ReadAsync(await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/cancel", null));

        Assert.Equal("cancelled", cancelled["status"]!.GetValue<string>());
        Assert.Single((await GetAsync(plane, $"/{job.Id}/checkpoints"))["data"]!.AsArray());
        foreach (string what in new[] { "cancel", "pause", "resume" })
            Assert.Equal(HttpStatusCode.Conflict, (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/{what}", null)).StatusCode);
        Assert.Empty(await plane.Get<FineTuningStore>().Open.ListAsync(Tenant, CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task A_paused_job_goes_on_when_it_is_resumed()
    {
        await using var plane = await StartAsync(fixture);
        var job = await PlannedAsync(plane);
        await TrainAsync(plane, job, step: 3);
        await plane.Storage.Queue(StorageNames.TrainQueue(StorageNames.DefaultProfile)).ClearMessagesAsync();

        var paused = await ReadAsync(await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/pause", null));
        Assert.Equal(HttpStatusCode.Conflict, (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/pause", null)).StatusCode);
        var resumed = await ReadAsync(await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/resume", null));

        Assert.Equal(("paused", "queued"), (paused["status"]!.GetValue<string>(), resumed["status"]!.GetValue<string>()));
        Assert.Equal(1, await plane.CountAsync(StorageNames.TrainQueue(StorageNames.DefaultProfile)));
    }

    [Fact]
    public async Task Jobs_of_another_tenant_are_not_there()
    {
        await using var plane = await StartAsync(fixture);
        var job = await PlannedAsync(plane);
        using var other = await plane.NewClientAsync("other");

        foreach (string path in new[] { "", "/events", "/checkpoints" })
            Assert.Equal(HttpStatusCode.NotFound, (await other.GetAsync($"/v1/fine_tuning/jobs/{job.Id}{path}")).StatusCode);
        foreach (string what in new[] { "cancel", "pause", "resume" })
            Assert.Equal(HttpStatusCode.NotFound, (await other.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/{what}", null)).StatusCode);
        Assert.Empty((await ReadAsync(await other.GetAsync("/v1/fine_tuning/jobs")))["data"]!.AsArray());
    }

    [Fact]
    public async Task Jobs_are_listed_by_their_metadata()
    {
        await using var plane = await StartAsync(fixture);
        await CreatedAsync(plane, extra: JsonNode.Parse("""{"metadata":{"team":"a","x":"1"}}""")!.AsObject());
        await CreatedAsync(plane, extra: JsonNode.Parse("""{"metadata":{"team":"b"}}""")!.AsObject());
        await CreatedAsync(plane);

        Assert.Equal(3, (await GetAsync(plane, ""))["data"]!.AsArray().Count);
        Assert.Equal(
            "1", Assert.Single((await GetAsync(plane, "?metadata[team]=a"))["data"]!.AsArray())!["metadata"]!["x"]!.GetValue<string>());
        Assert.Null(Assert.Single((await GetAsync(plane, "?metadata=null"))["data"]!.AsArray())!["metadata"]);
    }
}
