using System.ClientModel;
using System.Net;
using System.Text.Json.Nodes;
using FineTuningStatus = LLaDA.Batch.Shared.FineTuning.FineTuningStatus;
using LLaDA.Batch.Shared.FineTuning;
using OpenAI.FineTuning;
using static LLaDA.Batch.Functions.Tests.Contract.OpenAIFilesContractTests;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.FineTuning.Trainings;

namespace LLaDA.Batch.Functions.Tests.Contract;

/// <summary>What OpenAI's .NET client demands of fine-tuning jobs.</summary>
public sealed class OpenAIFineTuningContractTests(StorageFixture fixture)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData("succeeded")]
    [InlineData("failed")]
    [InlineData("cancelled")]
    public async Task Waiting_ends_with_every_end(string end)
    {
        await using var plane = await StartAsync(fixture);
        string file = await UploadAsync(plane, end == "failed" ? "nonsense" : Examples(8));
        var options = new FineTuningOptions
            { Suffix = "mine", Seed = 3, ValidationFile = file,
            TrainingMethod = FineTuningTrainingMethod.CreateSupervised(batchSize: 2, epochCount: 3, learningRate: 0.5) };
        var job = await NewClient(plane).GetFineTuningClient().FineTuneAsync(Model, file, waitUntilCompleted: false, options);
        Assert.False(job.HasCompleted);
        using var limit = new CancellationTokenSource(s_limit);
        var waiting = job.WaitForCompletionAsync(limit.Token).AsTask();
        var record = await FindAsync(plane, job.JobId);
        Assert.Equal((2, 3, 0.5, 3), (record.BatchSize, record.Epochs, record.LearningRateMultiplier, record.Seed));

        await PlanAsync(plane, record);
        if (end == "cancelled")
            await job.CancelAndUpdateAsync(limit.Token);
        if (end == "succeeded")
        {
            await TrainAsync(plane, record);
            await FinishAsync(plane, record);
        }
        await waiting;

        Assert.Equal(end, job.Status.ToString());
        Assert.Equal(end == "succeeded" ? $"ft:{Model}::mine:{record.RowKey[^12..]}" : null, job.Value);
    }

    [Fact]
    public async Task Jobs_in_every_state_and_of_every_method_can_be_listed_over_pages()
    {
        await using var plane = await StartAsync(fixture);
        foreach (var status in Enum.GetValues<FineTuningStatus>())
        {
            var job = await CreatedAsync(plane, extra: new() { ["hyperparameters"] = new JsonObject { ["lora"] = new JsonObject() } });
            await SetAsync(plane, job, status);
        }
        await CreatedAsync(plane, extra: new() { ["method"] = new JsonObject { ["type"] = "dpo" } });
        var pretraining = await CreatedAsync(plane, extra: new() { ["method"] = new JsonObject { ["type"] = "pretrain" } });
        var client = NewClient(plane).GetFineTuningClient();

        var listed = await client.GetJobsAsync(new FineTuningJobCollectionOptions { PageSize = 3 }).ToListAsync();

        Assert.Equal(Enum.GetValues<FineTuningStatus>().Length + 2, listed.Count);
        Assert.Equal(pretraining.Id, (await client.GetJobAsync(pretraining.Id)).JobId);
    }

    [Fact]
    public async Task A_job_of_preferences_is_created_as_its_client_writes_it()
    {
        await using var plane = await StartAsync(fixture);
        var options = new FineTuningOptions
        {
            TrainingMethod = FineTuningTrainingMethod.CreateDirectPreferenceOptimization(
                batchSize: 2, epochCount: 3, learningRate: 0.5, betaFactor: 1),
        };

        var job = await NewClient(plane).GetFineTuningClient()
            .FineTuneAsync(Model, await UploadAsync(plane, Examples(1)), waitUntilCompleted: false, options);

        var record = await FindAsync(plane, job.JobId);
        Assert.Equal((FineTuningMethod.Dpo, 1.0, 2, 3), (record.Method, record.Beta, record.BatchSize, record.Epochs));
    }

    [Fact]
    public async Task A_result_can_be_deleted()
    {
        await using var plane = await StartAsync(fixture);
        var job = await TrainAsync(plane, await PlannedAsync(plane));
        await FinishAsync(plane, job);
        var client = NewClient(plane).GetOpenAIModelClient();

        var deleted = (await client.DeleteModelAsync(FineTunedModels.NameOf(job))).Value;

        Assert.Equal((FineTunedModels.NameOf(job), true), (deleted.ModelId, deleted.Deleted));
        var refused = await Assert.ThrowsAsync<ClientResultException>(() => client.DeleteModelAsync(Model));
        Assert.Equal(403, refused.Status);
        Assert.Contains("permission_error", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("desc")]
    [InlineData("asc")]
    public async Task A_listing_goes_over_three_pages_though_its_cursors_are_gone(string order)
    {
        await using var plane = await StartAsync(fixture);
        List<string> ids = [];
        for (int index = 0; index < 7; index++)
        {
            ids.Add((await CreatedAsync(plane)).Id);
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }
        List<string> seen = [];
        async Task SeeAsync(string id)
        {
            seen.Add(id);
            if (seen.Count % 3 == 0)
                await plane.Get<FineTuningStore>().Records.DeleteAsync(
                    Tenant, id[FineTuningJobRecord.IdPrefix.Length..], CancellationToken.None);
        }

        if (order == "desc")    // the client knows no other
        {
            await foreach (var job in NewClient(plane).GetFineTuningClient()
                .GetJobsAsync(new FineTuningJobCollectionOptions { PageSize = 3 }))
                await SeeAsync(job.JobId);
        }
        for (bool hasMore = order == "asc"; hasMore;)
        {
            var page = await GetAsync(plane, $"?order=asc&limit=3{(seen.Count > 0 ? $"&after={seen[^1]}" : "")}");
            foreach (var job in page["data"]!.AsArray())
                await SeeAsync(job!["id"]!.GetValue<string>());
            hasMore = page["has_more"]!.GetValue<bool>();
        }

        Assert.Equal(order == "asc" ? ids : Enumerable.Reverse(ids), seen);
    }

    [Fact]
    public async Task The_metrics_of_a_job_are_a_file_and_more_tokens_than_it_can_count_do_not_trouble_the_client()
    {
        await using var plane = await StartAsync(fixture);
        var record = await PlannedAsync(plane);
        await TrainAsync(plane, record);
        await plane.Get<FineTuningStore>().UpdateAsync(record, current =>
        {
            current.TrainedTokens = 5_000_000_000;
            return true;
        }, CancellationToken.None);
        await FinishAsync(plane, record);

        var job = await NewClient(plane).GetFineTuningClient().GetJobAsync(record.Id);
        var files = NewClient(plane).GetOpenAIFileClient();
        var metrics = Assert.Single((await files.GetFilesAsync()).Value, file => file.Purpose.ToString() == "FineTuneResults");

        Assert.Equal("succeeded", job.Status.ToString());
        Assert.Equal($"{record.Id}_metrics.csv", metrics.Filename);
        Assert.StartsWith("step,", (await files.DownloadFileAsync(metrics.Id)).Value.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_running_job_whose_estimate_has_passed_can_be_waited_for()
    {
        await using var plane = await StartAsync(fixture);
        var record = await PlannedAsync(plane);
        await TrainAsync(plane, record, step: 3);
        using var calls = new RecordedCalls();
        var job = await NewClient(plane, handler: calls).GetFineTuningClient().GetJobAsync(record.Id);
        using var moment = new CancellationTokenSource(TimeSpan.FromSeconds(2));

        // The client waits between two polls, and does not fail for a negative time.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => job.WaitForCompletionAsync(moment.Token).AsTask());
        Assert.Equal(0, calls.Unanswered);
        Assert.All(calls.Answers, status => Assert.Equal(HttpStatusCode.OK, status));
    }

    [Fact]
    public async Task Events_and_checkpoints_are_read_over_pages()
    {
        await using var plane = await StartAsync(fixture);
        var record = await PlannedAsync(plane);
        for (int step = 1; step <= NumSteps; step++)
            await TrainAsync(plane, record, step);
        await FinishAsync(plane, record);
        var job = await NewClient(plane).GetFineTuningClient().GetJobAsync(record.Id);

        var events = await job.GetEventsAsync(new GetEventsOptions { PageSize = 2 }).ToListAsync();
        var checkpoints = await job.GetCheckpointsAsync(new GetCheckpointsOptions { PageSize = 2 }).ToListAsync();

        Assert.Equal(NumSteps + 3, events.Count);
        Assert.Equal(Enumerable.Range(1, NumSteps).Reverse(), checkpoints.Select(checkpoint => checkpoint.StepNumber));
        Assert.All(checkpoints, checkpoint => Assert.Equal((record.Id, 1.5f), (checkpoint.JobId, checkpoint.Metrics.TrainLoss!.Value)));
        Assert.EndsWith(":ckpt-step-6", checkpoints[0].ModelId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_job_is_paused_and_resumed()
    {
        await using var plane = await StartAsync(fixture);
        var record = await PlannedAsync(plane);
        var job = await NewClient(plane).GetFineTuningClient().GetJobAsync(record.Id);

        (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{record.Id}/pause", null)).EnsureSuccessStatusCode();
        await job.UpdateStatusAsync();
        Assert.False(job.HasCompleted);
        (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{record.Id}/resume", null)).EnsureSuccessStatusCode();
        await job.UpdateStatusAsync();

        Assert.Equal("queued", job.Status.ToString());
    }

    [Fact]
    public async Task A_refusal_names_its_parameter()
    {
        await using var plane = await StartAsync(fixture);

        var refused = await Assert.ThrowsAsync<ClientResultException>(
            () => NewClient(plane).GetFineTuningClient().FineTuneAsync(Model, "file-none", waitUntilCompleted: false));

        Assert.Equal(400, refused.Status);
        Assert.Contains("Parameter: training_file", refused.Message, StringComparison.Ordinal);
    }

    private static async Task SetAsync(ControlPlane plane, FineTuningJobRecord job, FineTuningStatus status) =>
        await plane.Get<FineTuningStore>().UpdateAsync(job, current =>
        {
            current.Status = status;
            return true;
        }, CancellationToken.None);
}
