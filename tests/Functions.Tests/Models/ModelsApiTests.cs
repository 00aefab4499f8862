using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.FineTuning.Trainings;

namespace LLaDA.Batch.Functions.Tests.Models;

/// <summary><c>DELETE /v1/models</c>.</summary>
public sealed class ModelsApiTests(StorageFixture fixture)
{
    /// <summary>Requests to storage of a whole removal; a test holds that there are no more.</summary>
    private const int MaxRequests = 24;

    [Fact]
    public async Task A_result_and_its_checkpoint_go_one_by_one_and_their_files_with_the_last_of_them()
    {
        await using var plane = await StartAsync(fixture);
        var job = await TrainedAsync(plane);
        string result = FineTunedModels.NameOf(job), checkpoint = FineTunedModels.NameOf(job, NumSteps);

        var answer = await ReadAsync(await DeleteAsync(plane, result));

        Assert.Equal($$"""{"id":"{{result}}","object":"model","deleted":true}""", answer.ToJsonString());
        Assert.Equal(HttpStatusCode.NotFound, (await plane.Client.GetAsync($"/v1/models/{result}")).StatusCode);
        Assert.DoesNotContain($"\"{result}\"", await plane.Client.GetStringAsync("/v1/models"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await DeleteAsync(plane, result)).StatusCode);
        Assert.True(await HasFilesAsync(plane, job));

        (await DeleteAsync(plane, Uri.EscapeDataString(checkpoint))).EnsureSuccessStatusCode();
        Assert.False(await HasFilesAsync(plane, job));
    }

    [Fact]
    public async Task Checkpoints_are_found_by_their_names_and_not_listed_among_the_models()
    {
        await using var plane = await StartAsync(fixture);
        var job = await TrainedAsync(plane);

        var listed = (await ReadAsync(await plane.Client.GetAsync("/v1/models")))["data"]!.AsArray().Select(model => model!["id"]!.GetValue<string>());

        Assert.Equal(new[] { Model, FineTunedModels.NameOf(job) }.Order(), listed.Order());
        (await plane.Client.GetAsync($"/v1/models/{FineTunedModels.NameOf(job, NumSteps)}")).EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task A_model_of_the_operator_or_of_another_tenant_stays()
    {
        await using var plane = await StartAsync(fixture);
        var job = await TrainedAsync(plane);
        await plane.Get<ModelCatalog>().RegisterAsync(new ModelRecord { PartitionKey = Tenant, Id = "given" }, CancellationToken.None);
        using var other = await plane.NewClientAsync("other");

        foreach (string id in new[] { Model, "given" })
        {
            using var refused = await DeleteAsync(plane, id);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            Assert.Equal("permission_error", JsonNode.Parse(await refused.Content.ReadAsStringAsync())!["error"]!["type"]!.GetValue<string>());
            (await plane.Client.GetAsync($"/v1/models/{id}")).EnsureSuccessStatusCode();
        }
        foreach (string id in new[] { FineTunedModels.NameOf(job), "given", "none", "ft:" + new string('x', 400) })
            Assert.Equal(HttpStatusCode.NotFound, (await other.DeleteAsync($"/v1/models/{id}")).StatusCode);
        Assert.True(await IsWholeAsync(plane, job));
    }

    [Theory]
    [InlineData("batch")]
    [InlineData("job")]
    [InlineData("schedule")]
    public async Task A_model_that_is_needed_is_kept_with_the_reason_until_it_is_not(string user)
    {
        await using var plane = await StartAsync(fixture);
        var job = await TrainedAsync(plane);
        string id = FineTunedModels.NameOf(job);
        var (name, end) = await UseAsync(plane, user, id);

        using var refused = await DeleteAsync(plane, id);
        var error = JsonNode.Parse(await refused.Content.ReadAsStringAsync())!["error"]!;

        Assert.Equal((HttpStatusCode.Conflict, "model_in_use", $"{id} is needed by {name}"), (refused.StatusCode, error["code"]!.GetValue<string>(), error["message"]!.GetValue<string>()));
        Assert.Equal("false", refused.Headers.GetValues("x-should-retry").Single());
        Assert.True(await IsWholeAsync(plane, job));
        await end();
        (await DeleteAsync(plane, id)).EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task A_checkpoint_stays_while_its_job_may_go_on_from_it()
    {
        await using var plane = await StartAsync(fixture);
        var job = await TrainAsync(plane, await PlannedAsync(plane), step: 3);
        string id = FineTunedModels.NameOf(job, 3);

        Assert.Equal(HttpStatusCode.Conflict, (await DeleteAsync(plane, id)).StatusCode);
        (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/cancel", content: null)).EnsureSuccessStatusCode();
        await FinishAsync(plane, job);
        (await DeleteAsync(plane, id)).EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task A_removal_that_is_cut_off_anywhere_leaves_a_whole_model_or_none_and_can_be_done_again()
    {
        string connection = fixture.NewConnectionString();
        await using var plane = await StartAsync(fixture, ("Storage:ConnectionString", connection));
        int cut = 0;
        for (bool isDone = false; !isDone; cut++)
        {
            Assert.True(cut < MaxRequests);
            var job = await TrainedAsync(plane, withResult: false);
            string id = FineTunedModels.NameOf(job, NumSteps);
            var dying = new StorageAccount(new StorageOptions { ConnectionString = connection }, options => options.AddPolicy(new Dying(cut), HttpPipelinePosition.PerCall));
            try
            {
                isDone = await ModelRemoval.Create(dying, plane.Time).RunAsync(Tenant, id, isForced: false, CancellationToken.None) is not null;
            }
            catch (IOException)
            {
                // It died.
            }

            bool isKnown = (await plane.Client.GetAsync($"/v1/models/{id}")).IsSuccessStatusCode;
            Assert.True(!isKnown || await IsWholeAsync(plane, job));
            Assert.Equal(isDone ? HttpStatusCode.NotFound : HttpStatusCode.OK, (await DeleteAsync(plane, id)).StatusCode);
            Assert.False(await HasFilesAsync(plane, job));
        }
        Assert.True(cut > 5);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_removal_that_nobody_goes_on_with_is_ended_or_taken_back_by_a_timer(bool isNeeded)
    {
        await using var plane = await StartAsync(fixture);
        var job = await TrainedAsync(plane, withResult: false);
        string id = FineTunedModels.NameOf(job, NumSteps);
        if (isNeeded)
            await UseAsync(plane, "batch", id);
        var left = (await plane.Get<ModelCatalog>().FindExactAsync(Tenant, id, CancellationToken.None))!;
        left.State = ModelState.Leaving;
        await new TableOf<ModelRecord>(plane.Storage.Table(StorageNames.ModelsTable)).PutAsync(left, CancellationToken.None);

        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
        Assert.Equal(HttpStatusCode.NotFound, (await plane.Client.GetAsync($"/v1/models/{id}")).StatusCode);   // somebody may be at it
        Assert.True(await HasFilesAsync(plane, job));
        plane.Time.Advance(TimeSpan.FromMinutes(10));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);

        Assert.Equal(isNeeded, (await plane.Client.GetAsync($"/v1/models/{id}")).IsSuccessStatusCode);
        Assert.Equal(isNeeded, await HasFilesAsync(plane, job));
    }

    private static Task<HttpResponseMessage> DeleteAsync(ControlPlane plane, string id) => plane.Client.DeleteAsync($"/v1/models/{id}");

    private static async Task<FineTuningJobRecord> TrainedAsync(ControlPlane plane, bool withResult = true)
    {
        var job = await TrainAsync(plane, await PlannedAsync(plane));
        await new ModelFolders(plane.Storage).UploadAsync(Folder(job), [new ModelUpload("a", EmptyAsync), new ModelUpload("b", EmptyAsync)], progress: null, CancellationToken.None);
        if (withResult)
        {
            await FinishAsync(plane, job);
            return await FindAsync(plane, job.Id);
        }
        await Schedules.Scheduling.EndAsync(plane, job, FineTuningStatus.Failed);
        return job;
    }

    /// <returns>The id of who needs the model now, and what ends that.</returns>
    private static async Task<(string Id, Func<Task> End)> UseAsync(ControlPlane plane, string user, string model)
    {
        switch (user)
        {
            case "batch":
                var batch = await plane.PlannedAsync(Line("1", model: model));
                return (batch.Id, async () =>
                {
                    await plane.AnswerAsync(batch, 0);
                    await plane.FinishAsync(batch);
                });
            case "job":
                var job = await CreatedAsync(plane, extra: new() { ["model"] = model });
                return (job.Id, () => Schedules.Scheduling.EndAsync(plane, job, FineTuningStatus.Failed));
            default:
                var schedule = new ScheduleRecord { PartitionKey = Tenant, RowKey = SortableKey.Create(plane.Time), Definition = "{}", LastModel = model, NextAt = plane.Time.GetUtcNow().AddDays(1) };
                await plane.Get<ScheduleStore>().Records.AddAsync(schedule, CancellationToken.None);
                return (schedule.Id, () => plane.Get<ScheduleStore>().DeleteAsync(schedule, CancellationToken.None));
        }
    }

    private static string Folder(FineTuningJobRecord job) => FineTuningBlobs.Folder(job, job.CheckpointRun, job.CheckpointStep);

    private static async Task<bool> IsWholeAsync(ControlPlane plane, FineTuningJobRecord job) => await new ModelFolders(plane.Storage).FindManifestAsync(Folder(job), CancellationToken.None) is not null;

    private static async Task<bool> HasFilesAsync(ControlPlane plane, FineTuningJobRecord job) =>
        await plane.Storage.Container(StorageNames.ModelsContainer).GetBlobsAsync(new() { Prefix = Folder(job) + "/" }, CancellationToken.None).AnyAsync();

    private static Task<Stream> EmptyAsync(CancellationToken cancellation) => Task.FromResult<Stream>(new MemoryStream([1]));

    /// <summary>A process that dies at one of its requests to storage: none of the later ones is sent either.</summary>
    private sealed class Dying(int numRequests) : HttpPipelinePolicy
    {
        private int _sent;

        public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) => ProcessNext(message, pipeline);

        public override ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) =>
            Interlocked.Increment(ref _sent) > numRequests ? throw new IOException("Dead") : ProcessNextAsync(message, pipeline);
    }
}
