using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Azure.Storage.Blobs;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.FineTuning;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Schedules;

/// <summary>Schedules on the control plane: a bound container with data, and hosts that fire when a test says so.</summary>
internal static class Scheduling
{
    public const string Example = """{"prompt":"question","completion":"answer"}""" + "\n";

    public static async Task<ControlPlane> StartedAsync(StorageFixture fixture, params (string Key, string Value)[] settings)
    {
        var plane = await StartAsync(fixture, settings);
        await BindAsync(plane);
        return plane;
    }

    public static async Task BindAsync(ControlPlane plane)
    {
        await plane.Get<ContainerBindings>().BindAsync(Tenant, "corpus", "documents", accountUrl: null, CancellationToken.None);
        await Container(plane).CreateAsync();
        var now = plane.Time.GetUtcNow();
        plane.Time.Advance(TimeSpan.FromSeconds(90 - now.Second));      // half a minute past a minute
    }

    public static BlobContainerClient Container(ControlPlane plane) => plane.Storage.Container("documents");

    public static async Task UploadAsync(ControlPlane plane, string name, string content = Example) =>
        await Container(plane).GetBlobClient(name).UploadAsync(BinaryData.FromString(content), overwrite: true);

    /// <param name="changes">Properties of the body that are others, or null to leave one out.</param>
    public static Task<HttpResponseMessage> PostAsync(ControlPlane plane, string changes = "{}") =>
        plane.Client.PostAsJsonAsync("/v1/schedules", Body(changes));

    public static JsonObject Body(string changes = "{}")
    {
        var body = JsonNode.Parse($$$"""
            {"cron":"* * * * *","job":{"model":"{{{Model}}}","seed":1},"training_data":{"container":"corpus","prefix":"in"}}
            """)!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(changes)!.AsObject())
            body[name] = value?.DeepClone();
        return body;
    }

    public static async Task<string> CreatedAsync(ControlPlane plane, string changes = "{}") =>
        (await ReadAsync(await PostAsync(plane, changes)))["id"]!.GetValue<string>();

    /// <summary>The outcomes, oldest first, as clients see them.</summary>
    public static async Task<JsonArray> RunsAsync(ControlPlane plane, string id) =>
        (await GetAsync(plane, $"{id}/runs?order=asc&limit=100"))["data"]!.AsArray();

    public static async Task<JsonNode> GetAsync(ControlPlane plane, string path) =>
        await ReadAsync(await plane.Client.GetAsync("/v1/schedules/" + path));

    public static string[] Outcomes(JsonArray runs) =>
        [.. runs.Select(run => run!["reason"]?.GetValue<string>() ?? run["status"]!.GetValue<string>())];

    public static ScheduleTimer NewHost(ControlPlane plane) =>
        ActivatorUtilities.CreateInstance<ScheduleTimer>(plane.Get<IServiceProvider>());

    /// <summary>Lets time pass, and a host fire.</summary>
    public static Task FireAsync(ControlPlane plane, int minutes = 1)
    {
        plane.Time.Advance(TimeSpan.FromMinutes(minutes));
        return NewHost(plane).RunAsync(CancellationToken.None);
    }

    /// <summary>All jobs, those of later occurrences last.</summary>
    public static async Task<List<FineTuningJobRecord>> JobsAsync(ControlPlane plane)
    {
        var jobs = await plane.Get<FineTuningStore>().Records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync();
        jobs.Reverse();
        return jobs;
    }

    /// <summary>The job of the latest occurrence.</summary>
    public static async Task<FineTuningJobRecord> LastJobAsync(ControlPlane plane) => (await JobsAsync(plane))[^1];

    public static async Task EndAsync(ControlPlane plane, FineTuningJobRecord job, FineTuningStatus status = FineTuningStatus.Succeeded)
    {
        var jobs = plane.Get<FineTuningStore>();
        await jobs.UpdateAsync(job, current =>
        {
            (current.Status, current.FineTunedModel) =
                (status, status == FineTuningStatus.Succeeded ? FineTunedModels.NameOf(current) : null);
            return true;
        }, CancellationToken.None);
        await jobs.Open.DeleteAsync(job.Key, CancellationToken.None);
    }
}
