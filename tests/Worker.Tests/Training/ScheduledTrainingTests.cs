using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LLaDA.Batch.Worker.Tests.Training;

/// <summary>A schedule, from a client's request through both rooms to the models that its jobs make, night by night.</summary>
public sealed class ScheduledTrainingTests(StorageFixture fixture, TinyModel model) : IAsyncLifetime
{
    private const string Schedule = """
        {"cron":"0 3 * * *","start_from":"last_result","training_data":{"container":"corpus","prefix":"in","select":"new"},
         "job":{"model":"tiny","hyperparameters":{"n_epochs":2,"batch_size":2,"learning_rate_multiplier":100,"lora":{"rank":2,"alpha":4}}}}
        """;

    private readonly TensorThread _tensors = new();
    private TrainingTrial _trial = null!;
    private WebApplication _functions = null!;
    private HttpClient _client = null!;

    [Fact]
    public async Task Each_night_trains_the_last_result_on_what_no_succeeded_night_has_seen()
    {
        await UploadAsync("in/a.jsonl", Example("the quick 1") + Example("the quick 2"));
        await UploadAsync("in/b.jsonl", Example("the lazy 1"));
        string schedule = (
            await ReadAsync(
                await _client.PostAsync("/v1/schedules", new StringContent(Schedule, new MediaTypeHeaderValue("application/json")))))[
                    "id"]!.GetValue<string>();

        var first = await NightAsync();
        string b = Example("the lazy 2"), c = Example("the dog 1") + Example("the dog 2");
        await UploadAsync("in/b.jsonl", b);
        await UploadAsync("in/c.jsonl", c + """{"prompt":"the dog 3"}""");
        var second = await NightAsync();
        await UploadAsync("in/c.jsonl", c);
        var third = await NightAsync();
        var fourth = await NightAsync();

        Assert.Equal((FineTuningStatus.Succeeded, TinyModel.Id), (first!.Status, first.Model));
        Assert.Equal((FineTuningStatus.Failed, first.FineTunedModel), (second!.Status, second.Model));
        Assert.Contains("in/c.jsonl, line 3: ", second.ErrorMessage, StringComparison.Ordinal);
        Assert.Equal((FineTuningStatus.Succeeded, first.FineTunedModel), (third!.Status, third.Model));
        Assert.Null(fourth);
        var runs = (
            await ReadAsync(await _client.GetAsync($"/v1/schedules/{schedule}/runs?order=asc", TestContext.Current.CancellationToken)))[
                "data"]!.AsArray();
        Assert.Equal(
            [("job_created", null, 2, first.Id), ("job_created", null, 2, second.Id),
                ("job_created", null, 2, third.Id), ("skipped", "nothing_new", 0, null)],
            runs.Select(
                run => ((string?)run!["status"], (string?)run["reason"], (int?)run["blobs"] ?? 0, (string?)run["fine_tuning_job"])));

        var scheduled = await _trial.ResultAsync(third);
        var byHand = await ByHandAsync(from: first.FineTunedModel!, third.Seed, b + c);
        Assert.Equal((byHand.Model, byHand.Metrics), (scheduled.Model, scheduled.Metrics));
        Assert.NotEqual((await ByHandAsync(from: TinyModel.Id, third.Seed, b + c)).Metrics, scheduled.Metrics);
    }

    public async ValueTask InitializeAsync()
    {
        string connection = fixture.NewConnectionString();
        _trial = new TrainingTrial(connection, model.Folder, TinyModel.Id, _tensors);
        _trial.Time.SetUtcNow(new DateTimeOffset(_trial.Time.GetUtcNow().UtcDateTime.Date.AddDays(1), TimeSpan.Zero));
        await _trial.PrepareAsync();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Configuration.AddInMemoryCollection([new("Storage:ConnectionString", connection), new("Logging:LogLevel:Default", "None")]);
        builder.Services.AddFunctions(builder.Configuration).AddSingleton<TimeProvider>(_trial.Time);
        _functions = builder.Build();
        _functions.Run(RestApi.Build(_functions.Services));
        await _functions.StartAsync();
        await _functions.Services.GetRequiredService<ContainerBindings>()
            .BindAsync(TrainingTrial.Tenant, "corpus", "documents", accountUrl: null, CancellationToken.None);
        await _trial.Storage.Container("documents").CreateAsync();
        string key = await _functions.Services.GetRequiredService<ApiKeys>()
            .CreateAsync(TrainingTrial.Tenant, "test", CancellationToken.None);
        _client = new HttpClient
            { BaseAddress = new Uri(_functions.Urls.Single()), DefaultRequestHeaders =
            { Authorization = new AuthenticationHeaderValue("Bearer", key) } };
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _functions.DisposeAsync();
        await _trial.DisposeAsync();
        _tensors.Dispose();
    }

    /// <summary>It becomes three o'clock: the schedule fires, and what it wakes is done.</summary>
    /// <returns>The job at its end; null when nothing was woken.</returns>
    private async Task<FineTuningJobRecord?> NightAsync()
    {
        var now = _trial.Time.GetUtcNow();
        _trial.Time.SetUtcNow(
            new DateTimeOffset(now.UtcDateTime.Date.AddDays(now.Hour < 3 ? 0 : 1), TimeSpan.Zero).AddHours(3).AddSeconds(10));
        await _functions.Services.GetRequiredService<ScheduleTimer>().RunAsync(CancellationToken.None);
        if ((await _trial.Storage.Queue(StorageNames.PlanTrainingQueue).PeekMessageAsync()).Value is not { } message)
            return null;
        string key = message.Body.ToObjectFromJson<TrainingMessage>(WireJson.Options)!.Job;
        var job = (await _trial.Jobs.Records.FindAsync(TrainingTrial.Tenant, key, CancellationToken.None))!;
        await _trial.RunAsync(job);
        return await _trial.FindAsync(job);
    }

    /// <summary>The training that the schedule should have made, as a job of its own over one file.</summary>
    private async Task<Trained> ByHandAsync(string from, int seed, string content)
    {
        var job = await _trial.CreateAsync(
            new FineTuningJobRecord
                { Method = FineTuningMethod.Supervised, Model = from, Seed = seed,
                Epochs = 2, BatchSize = 2, LearningRateMultiplier = 100, LoraRank = 2, LoraAlpha = 4 }, content);
        await _trial.RunAsync(job);
        return await _trial.ResultAsync(job);
    }

    private async Task UploadAsync(string name, string content) =>
        await _trial.Storage.Container("documents").GetBlobClient(name).UploadAsync(BinaryData.FromString(content), overwrite: true);

    private static string Example(string prompt) => $$"""{"prompt":"{{prompt}}","completion":" brown fox"}""" + "\n";

    private static async Task<JsonNode> ReadAsync(HttpResponseMessage response)
    {
        using (response)
            return JsonNode.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync())!;
    }
}
