using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.AzureHost.Tests.Driver;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.AzureHost.Tests;

/// <summary>The published app under the host, with a tenant, a key and a model; its settings are those of the deployment.</summary>
internal sealed class RunningApp : IAsyncDisposable
{
    private const string Tenant = "tenant", Model = "org/model:1";
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    private readonly string _connection;

    private RunningApp(FunctionsHost host, StorageAccount storage, string connection) =>
        (Host, Storage, _connection) = (host, storage, connection);

    public FunctionsHost Host { get; private set; }

    public StorageAccount Storage { get; }

    public HttpClient Client => Host.Client;

    private BatchStore Batches => new(Storage, TimeProvider.System);

    /// <param name="except">A function that is not triggered.</param>
    public static async Task<RunningApp> StartAsync(StorageFixture fixture, PublishedApp published, string? except = null)
    {
        await published.RequireAsync();
        string connection = fixture.NewConnectionString();
        var storage = new StorageAccount(new StorageOptions { ConnectionString = connection });
        await storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        await new ModelCatalog(storage).RegisterAsync(
            new ModelRecord
            {
                PartitionKey = ModelRecord.EveryTenant,
                Id = Model,
                ContextLength = 512,
                TokenForwardsPerSecond = 1000,
                CreatedAt = TimeProvider.System.GetUtcNow(),
            },
            CancellationToken.None);
        var app = new RunningApp(await FunctionsHost.StartAsync(storage, Settings(connection), except), storage, connection);
        await app.AuthorizeAsync();
        return app;
    }

    /// <summary>Kills the worker and the host, and starts both again. The messages in work stay invisible.</summary>
    public async Task KillAndRestartAsync()
    {
        await Host.DisposeAsync();
        Host = await FunctionsHost.StartAsync(Storage, Settings(_connection), except: null);
        await AuthorizeAsync();
    }

    public async Task<HttpResponseMessage> UploadAsync(byte[] content, bool isChunked = false)
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            { new ByteArrayContent(content), "file", "input.jsonl" },
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/files") { Content = form };
        request.Headers.TransferEncodingChunked = isChunked;
        return await Client.SendAsync(request);
    }

    public async Task<string> UploadedAsync(byte[] content) => (await ReadAsync(await UploadAsync(content)))["id"]!.GetValue<string>();

    /// <summary>Creates a batch over an input.</summary>
    public async Task<BatchRecord> CreatedAsync(string input)
    {
        string file = await UploadedAsync(Encoding.UTF8.GetBytes(input));
        using var body = new StringContent(
            $$"""{"input_file_id":"{{file}}","endpoint":"/v1/infill","completion_window":"24h"}""", Encoding.UTF8, "application/json");
        string id = (await ReadAsync(await Client.PostAsync("/v1/batches", body)))["id"]!.GetValue<string>();
        return await FindAsync(id);
    }

    public async Task<BatchRecord> FindAsync(string id) => (await Batches.FindAsync(Tenant, id, CancellationToken.None))!;

    /// <summary>Answers all lines of a planned batch with their custom_id, as workers would.</summary>
    public async Task AnswerAsync(BatchRecord batch)
    {
        var blobs = new BatchBlobs(Storage, batch);
        var plan = (await blobs.FindPlanAsync(CancellationToken.None))!;
        for (int shard = 0; shard < plan.Shards.Count; shard++)
        {
            var lines = await blobs.Shards.ReadAsync(plan.PlanId, shard, CancellationToken.None);
            var parts = lines.Select(line => new PartLine(line.Line, false, $$"""{"custom_id":"{{line.CustomId}}"}"""));
            await blobs.Parts.WriteAsync(shard, parts, new PartCounts(lines.Count, 0, 10, 1), CancellationToken.None);
        }
        await new WorkQueues(Storage).SendFinishAsync(batch.Key, TimeSpan.Zero, CancellationToken.None);
    }

    public Task WaitForAsync(BatchRecord batch, BatchStatus status, TimeSpan limit) =>
        WaitAsync(async () => (await FindAsync(batch.Id)).Status == status, $"{batch.Id} is not {status}", limit);

    /// <summary>Fails with the log where the condition does not hold in time.</summary>
    public async Task WaitAsync(Func<Task<bool>> condition, string otherwise, TimeSpan limit)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(start) > limit)
                Assert.Fail($"{otherwise} after {limit}:\n{string.Join('\n', Host.Log.TakeLast(50))}");
            await Task.Delay(s_pause);
        }
    }

    /// <summary>The messages of a queue, those in work included; none where there is no such queue.</summary>
    public async Task<int> CountAsync(string queue) => await Storage.Queue(queue).ExistsAsync()
        ? (await Storage.Queue(queue).GetPropertiesAsync()).Value.ApproximateMessagesCount
        : 0;

    public static async Task<JsonNode> ReadAsync(HttpResponseMessage response)
    {
        using (response)
        {
            string text = await response.Content.ReadAsStringAsync();
            Assert.True(response.IsSuccessStatusCode, $"{response.StatusCode}: {text}");
            return JsonNode.Parse(text)!;
        }
    }

    /// <summary>Lines that a plan accepts.</summary>
    public static string Lines(int count) => string.Concat(Enumerable.Range(1, count).Select(index => new JsonObject
    {
        ["custom_id"] = $"id-{index}",
        ["method"] = "POST",
        ["url"] = "/v1/infill",
        ["body"] = new JsonObject { ["model"] = Model, ["text"] = "a [MASK:2] b" },
    }.ToJsonString() + "\n"));

    public ValueTask DisposeAsync() => Host.DisposeAsync();

    private async Task AuthorizeAsync() => Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
        "Bearer", await new ApiKeys(Storage, TimeProvider.System).CreateAsync(Tenant, "test", CancellationToken.None));

    private static Dictionary<string, string> Settings(string connection) => new()
    {
        ["AzureWebJobsStorage"] = connection,
        ["Storage__ConnectionString"] = connection,
        ["Secrets__Key"] = Convert.ToBase64String(new byte[32]),
        ["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"] = $"{Deployed.Main.HostRequestBytes}",
        ["Limits__MaxRequestBytes"] = $"{Deployed.Main.RequestBytes}",
    };
}
