using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Functions.Tests;

/// <summary>
/// The control plane on an empty storage account with one tenant, one key and one model; no trigger runs by itself, and its clock stands
/// still.
/// </summary>
public sealed class ControlPlane : IAsyncDisposable
{
    public const string Tenant = "tenant";
    public const string Model = "org/model:1";

    private readonly WebApplication _app;

    private ControlPlane(WebApplication app, FakeTimeProvider time) => (_app, Time) = (app, time);

    public FakeTimeProvider Time { get; }

    public HttpClient Client { get; private set; } = new();

    public StorageAccount Storage => Get<StorageAccount>();

    public FileStore Files => Get<FileStore>();

    public BatchStore Batches => Get<BatchStore>();

    public static Task<ControlPlane> StartAsync(StorageFixture fixture, params (string Key, string Value)[] settings) =>
        StartAsync(fixture, _ => { }, settings);

    /// <summary>A control plane whose calls to storage meet faults.</summary>
    public static Task<ControlPlane> StartAsync(StorageFixture fixture, StorageFaults faults) => StartAsync(fixture, services =>
        services.AddSingleton(provider => faults.Account(provider.GetRequiredService<IConfiguration>()["Storage:ConnectionString"]!)));

    public static async Task<ControlPlane> StartAsync(
        StorageFixture fixture, Action<IServiceCollection> change, params (string Key, string Value)[] settings)
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0")
            .ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = new ServiceLimits().MaxRequestBytes);
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            { ["Storage:ConnectionString"] = fixture.NewConnectionString(),
            ["Logging:LogLevel:Default"] = "None", ["Secrets:Key"] = Convert.ToBase64String(new byte[32]) });
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        builder.Services.AddFunctions(builder.Configuration);
        builder.Services.AddSingleton<TimeProvider>(time);
        change(builder.Services);
        var app = builder.Build();
        var api = RestApi.Build(app.Services);
        app.Run(context => api(context));
        await app.StartAsync();

        var plane = new ControlPlane(app, time);
        await plane.Storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        await plane.Get<ModelCatalog>().RegisterAsync(
            new ModelRecord
                { PartitionKey = ModelRecord.EveryTenant, Id = Model, ContextLength = 512,
                TokenForwardsPerSecond = 1000, CreatedAt = time.GetUtcNow() }, CancellationToken.None);
        plane.Client = await plane.NewClientAsync(Tenant);
        return plane;
    }

    public T Get<T>()
        where T : notnull => _app.Services.GetRequiredService<T>();

    /// <summary>Another process of the control plane, whose calls to storage meet a fault.</summary>
    public ServiceProvider NewHostOver(FaultyTransport transport)
    {
        var configuration = Get<IConfiguration>();
        var storage = new StorageAccount(
            new StorageOptions { ConnectionString = configuration["Storage:ConnectionString"] }, client =>
                (client.Transport, client.Retry.MaxRetries) = (transport, 0));
        return new ServiceCollection().AddLogging().AddFunctions(configuration)
            .AddSingleton(new DiagnosticListener("another host"))
            .AddSingleton<TimeProvider>(Time).AddSingleton(storage).BuildServiceProvider();
    }

    /// <summary>A client with a new key of a tenant.</summary>
    public async Task<HttpClient> NewClientAsync(string tenant)
    {
        var client = NewClientWithoutKey();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", await Get<ApiKeys>().CreateAsync(tenant, "test", CancellationToken.None));
        return client;
    }

    public HttpClient NewClientWithoutKey() => new() { BaseAddress = new Uri(_app.Urls.Single()) };

    public Task<JsonNode> UploadAsync(string content, string purpose = FilePurpose.Batch) =>
        UploadAsync(Encoding.UTF8.GetBytes(content), purpose);

    public async Task<JsonNode> UploadAsync(byte[] content, string purpose = FilePurpose.Batch)
    {
        using var form = new MultipartFormDataContent
            { { new StringContent(purpose), "purpose" }, { new ByteArrayContent(content), "file", "input.jsonl" } };
        return await ReadAsync(await Client.PostAsync("/v1/files", form));
    }

    /// <summary>Uploads an input, creates a batch over it and plans it.</summary>
    public async Task<BatchRecord> PlannedAsync(string input, string endpoint = "/v1/infill")
    {
        var batch = await CreatedAsync(Encoding.UTF8.GetBytes(input), endpoint);
        await PlanAsync(batch);
        return await ReloadAsync(batch);
    }

    public async Task<BatchRecord> CreatedAsync(byte[] input, string endpoint = "/v1/infill")
    {
        string file = (await UploadAsync(input))["id"]!.GetValue<string>();
        using var body = new StringContent(
            $$"""{"input_file_id":"{{file}}","endpoint":"{{endpoint}}","completion_window":"24h"}""", Encoding.UTF8, "application/json");
        string id = (await ReadAsync(await Client.PostAsync("/v1/batches", body)))["id"]!.GetValue<string>();
        return (await Batches.FindAsync(Tenant, id, CancellationToken.None))!;
    }

    public Task PlanAsync(BatchRecord batch) =>
        Get<PlanBatchHandler>().RunAsync(new PlanMessage(batch.Tenant, batch.RowKey), CancellationToken.None);

    public Task FinishAsync(BatchRecord batch) =>
        Get<FinishBatchHandler>().RunAsync(new FinishMessage(batch.Tenant, batch.RowKey), CancellationToken.None);

    public async Task<BatchRecord> ReloadAsync(BatchRecord batch) =>
        (await Batches.FindAsync(batch.Tenant, batch.Id, CancellationToken.None))!;

    public BatchBlobs Blobs(BatchRecord batch) => new(Storage, batch);

    /// <summary>Answers a shard as a worker would: every line with its custom_id.</summary>
    /// <param name="hasExpired">The lines with errors were not run because the window had ended.</param>
    public async Task AnswerAsync(BatchRecord batch, int shard, Func<int, bool>? isError = null, bool hasExpired = false)
    {
        var plan = (await Blobs(batch).FindPlanAsync(CancellationToken.None))!;
        var lines = await Blobs(batch).Shards.ReadAsync(plan.PlanId, shard, CancellationToken.None);
        var parts = lines
            .Select(line => new PartLine(line.Line, isError?.Invoke(line.Line) == true, $$"""{"custom_id":"{{line.CustomId}}"}"""))
            .ToList();
        int failed = parts.Count(part => part.IsError);
        await Blobs(batch)
            .Parts.WriteAsync(
                shard, parts, new PartCounts(parts.Count - failed, failed, 10 * parts.Count, parts.Count, hasExpired ? failed : 0),
                CancellationToken.None);
    }

    /// <summary>The lines of a file.</summary>
    public async Task<string[]> LinesAsync(string fileId) =>
        (await Client.GetStringAsync($"/v1/files/{fileId}/content")).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The messages of a queue.</summary>
    public async Task<int> CountAsync(string queue) => (await Storage.Queue(queue).GetPropertiesAsync()).Value.ApproximateMessagesCount;

    public static async Task<JsonNode> ReadAsync(HttpResponseMessage response)
    {
        using (response)
            return JsonNode.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync())!;
    }

    /// <summary>Lines that a plan accepts.</summary>
    public static string Lines(int count, string text = "a [MASK:2] b") =>
        string.Concat(Enumerable.Range(1, count).Select(index => Line($"id-{index}", text) + "\n"));

    public static string Line(string customId, string text = "a [MASK:2] b", string model = Model, string url = "/v1/infill") =>
        new JsonObject
            { ["custom_id"] = customId, ["method"] = "POST", ["url"] = url,
            ["body"] = new JsonObject { ["model"] = model, ["text"] = text } }.ToJsonString();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}
