using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.Batches.BatchResultsTests;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;
using static LLaDA.Batch.Shared.Batches.BatchPriority;

namespace LLaDA.Batch.Functions.Tests.Batches;

/// <summary>What clients say about the priority of a batch, and what operators allow.</summary>
public sealed class BatchPriorityTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_batch_has_the_priority_it_was_given_and_its_retry_inherits_it()
    {
        await using var plane = await StartAsync(fixture);
        var usual = await CreatedAsync(plane.Client);
        var high = await CreatedAsync(plane.Client, "high");
        var parent = (await plane.Batches.FindAsync(Tenant, high["id"]!.GetValue<string>(), CancellationToken.None))!;
        var open = (await plane.Batches.Open.FindAsync(parent.Key, CancellationToken.None))!;

        Assert.Equal(("normal", "high"), (Priority(usual), Priority(high)));
        Assert.Equal((High, parent.ExpiresAt), (open.Priority, open.ExpiresAt));
        await plane.PlanAsync(parent);
        Assert.Equal(plane.Time.GetUtcNow(), (await plane.Batches.Open.FindAsync(parent.Key, CancellationToken.None))!.PlannedAt);
        await AnswerAllAsync(plane, parent, _ => true);
        await plane.FinishAsync(parent);
        Assert.Equal("high", Priority(await ReadAsync(await plane.Client.PostAsync($"/v1/batches/{parent.Id}/retry", null))));
        using var body = JsonContent.Create(new { priority = "low" });
        Assert.Equal("low", Priority(await ReadAsync(await plane.Client.PostAsync($"/v1/batches/{parent.Id}/retry", body))));
    }

    [Fact]
    public async Task Another_word_is_refused_by_name()
    {
        await using var plane = await StartAsync(fixture);

        foreach (object word in new object[] { "urgent", "High", "", 1 })
            await AssertErrorAsync(await PostAsync(plane.Client, word), HttpStatusCode.BadRequest, "priority");
    }

    [Fact]
    public async Task An_operator_caps_it_by_key_and_by_tenant()
    {
        await using var plane = await StartAsync(fixture);
        using var low = await ClientAsync(plane, Tenant, Low);
        using var other = await ClientAsync(plane, "other", High);
        await plane.Get<TenantLimits>().SetAsync("other", limits => limits.MaxPriority = Normal, CancellationToken.None);

        Assert.Equal("low", Priority(await CreatedAsync(low)));
        Assert.Equal("low", Priority(await CreatedAsync(low, "low")));
        await AssertErrorAsync(await PostAsync(low, "normal"), HttpStatusCode.Forbidden, "priority");
        Assert.Equal("normal", Priority(await CreatedAsync(other)));
        await AssertErrorAsync(await PostAsync(other, "high"), HttpStatusCode.Forbidden, "priority");
        Assert.Equal("high", Priority(await CreatedAsync(plane.Client, "high")));
        await plane.Get<TenantLimits>().ResetAsync("other", CancellationToken.None);
        plane.Time.Advance(TenantQuotas.Kept);
        Assert.Equal("high", Priority(await CreatedAsync(other, "high")));
    }

    [Fact]
    public async Task A_retry_is_lowered_to_what_its_key_allows()
    {
        await using var plane = await StartAsync(fixture);
        var high = await CreatedAsync(plane.Client, "high");
        var parent = (await plane.Batches.FindAsync(Tenant, high["id"]!.GetValue<string>(), CancellationToken.None))!;
        await plane.PlanAsync(parent);
        await AnswerAllAsync(plane, parent, _ => true);
        await plane.FinishAsync(parent);
        using var low = await ClientAsync(plane, Tenant, Low);

        Assert.Equal("low", Priority(await ReadAsync(await low.PostAsync($"/v1/batches/{parent.Id}/retry", null))));
    }

    [Fact]
    public async Task A_high_batch_is_planned_before_older_ones_and_its_shards_are_ahead()
    {
        await using var plane = await StartAsync(fixture);
        List<string> keys = [];
        foreach (string? priority in new[] { null, null, "low", null, "high" })
        {
            keys.Add((await CreatedAsync(plane.Client, priority))["id"]!.GetValue<string>()[BatchRecord.IdPrefix.Length..]);
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }
        await TakeAsync<PlanMessage>(plane, StorageNames.PlanQueue);

        List<string> planned = [];
        foreach (int _ in Enumerable.Range(0, 3))
        {
            var done = (await plane.Batches.FindAsync(new JobKey(Tenant, planned.LastOrDefault() ?? keys[0]), CancellationToken.None))!;
            await plane.PlanAsync(done);
            planned.Add(Assert.Single(await TakeAsync<PlanMessage>(plane, StorageNames.PlanQueue)).Batch);
        }

        Assert.Equal([keys[4], keys[3], keys[2]], planned);
        var shards = await TakeAsync<ShardMessage>(plane, StorageNames.GenerateQueue(StorageNames.DefaultProfile));
        Assert.Equal(
            [(keys[0], false), (keys[4], true), (keys[3], false)], shards.Select(shard => (shard.Batch, shard.IsAhead)));
    }

    private static string Priority(JsonNode batch) => batch["priority"]!.GetValue<string>();

    private static async Task<JsonNode> CreatedAsync(HttpClient client, string? priority = null) =>
        await ReadAsync(await PostAsync(client, priority));

    private static Task<HttpResponseMessage> PostAsync(HttpClient client, object? priority) =>
        client.PostAsJsonAsync("/v1/batches", new
        {
            endpoint = "/v1/infill",
            completion_window = "24h",
            requests = new[] { new { custom_id = "a", body = new { model = Model, text = "a [MASK:2] b" } } },
            priority,
        });

    private static async Task<HttpClient> ClientAsync(ControlPlane plane, string tenant, BatchPriority most)
    {
        var client = plane.NewClientWithoutKey();
        string key = await plane.Get<ApiKeys>().CreateAsync(tenant, "test", CancellationToken.None, most);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    private static async Task<IReadOnlyList<T>> TakeAsync<T>(ControlPlane plane, string queue)
        where T : class
    {
        List<T> taken = [];
        foreach (var message in (await plane.Storage.Queue(queue).ReceiveMessagesAsync(32)).Value)
            taken.Add(MessageReader.TryRead<T>(message.Body.ToString())!);
        return taken;
    }
}
