using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Tests.Stored;

/// <summary>Blobs and messages as written by earlier versions, by their texts.</summary>
public sealed class StoredBlobTests(StorageFixture fixture)
{
    private const string Plan =
        """{"attempt":"plan-1","model":"org/model","profile":"gpu","num_lines":3,"shards":["""
        + """{"window":0,"num_lines":2,"is_refused":false},{"window":1,"num_lines":1,"is_refused":true}]}""";

    private static readonly JobKey s_batch = new("acme", "key");

    [Fact]
    public async Task A_plan_is_read_and_written_back_as_it_was()
    {
        var (container, blobs) = await NewAsync();
        await UploadAsync(container, "plan.json", Plan);

        var plan = (await blobs.FindPlanAsync(CancellationToken.None))!;

        Assert.Equal(("plan-1", "org/model", "gpu", 3), (plan.PlanId, plan.Model, plan.Profile, plan.NumLines));
        Assert.Equal([new PlannedShard(0, 2), new PlannedShard(1, 1, IsRefused: true)], plan.Shards);
        var again = new BatchBlobs(await fixture.NewAccountAsync(), s_batch);
        Assert.Equal(plan, await again.PublishPlanAsync(plan, CancellationToken.None));
    }

    [Fact]
    public async Task A_published_plan_has_the_names_that_earlier_versions_read()
    {
        var (container, blobs) = await NewAsync();

        await blobs.PublishPlanAsync(
            new BatchPlan("plan-1", "org/model", "gpu", 3, [new PlannedShard(0, 2), new PlannedShard(1, 1, IsRefused: true)]),
                CancellationToken.None);

        var stored = (await container.GetBlobClient("acme/key/plan.json").DownloadContentAsync()).Value.Content.ToString();
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(Plan), JsonElement.Parse(stored)), stored);
    }

    [Fact]
    public async Task The_lines_of_a_shard()
    {
        var (container, blobs) = await NewAsync();
        await UploadAsync(
            container, "shards/plan-1/000004.jsonl", """{"line":7,"custom_id":"a","body":{"model":"m","text":"x [MASK]"}}""" + "\n");

        var line = Assert.Single(await blobs.Shards.ReadAsync("plan-1", 4, CancellationToken.None));

        Assert.Equal((7, "a", "x [MASK]"), (line.Line, line.CustomId, line.Body.GetProperty("text").GetString()));
        Assert.False(await blobs.Shards.IsLeasedAsync("plan-1", 4, CancellationToken.None));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_part_with_its_counts_also_without_expired_ones(bool hasExpired)
    {
        var (container, blobs) = await NewAsync();
        Dictionary<string, string> counts = new()
            { ["completed"] = "1", ["failed"] = "2", ["prompt_tokens"] = "30", ["completion_tokens"] = "40" };
        if (hasExpired)
            counts["expired"] = "2";
        await UploadAsync(container, "parts/000004", "1 o {\"id\":\"r\"}\n2 e {\"id\":\"s\"}\n", counts);

        Assert.Equal(new PartCounts(1, 2, 30, 40, hasExpired ? 2 : 0), (await blobs.Parts.ListAsync(CancellationToken.None))[4]);
        var listed = await blobs.Parts.ListAsync(CancellationToken.None);
        Assert.Equal(listed[4], await blobs.Parts.ReadCountsAsync(4, CancellationToken.None));
        var lines = await blobs.Parts.ReadAsync(4, CancellationToken.None);
        Assert.Equal([new PartLine(1, IsError: false, """{"id":"r"}"""), new PartLine(2, IsError: true, """{"id":"s"}""")], lines);
    }

    [Fact]
    public async Task Progress_and_attempts_on_a_shard()
    {
        var (container, blobs) = await NewAsync();
        Dictionary<string, string> counts = new()
            { ["completed"] = "1", ["failed"] = "0", ["prompt_tokens"] = "3", ["completion_tokens"] = "4", ["expired"] = "0" };
        await UploadAsync(container, "progress/000004", "1 o {}\n", counts);
        await UploadAsync(
            container, "attempts/000004", """{"groups":[{"first":0,"count":2,"failures":1,"reason":"IOException"}],"current":null}""");

        var (lines, sums) = await blobs.Progress.ReadAsync(4, CancellationToken.None);
        var attempts = (await blobs.Shards.FindAttemptsAsync(4, CancellationToken.None))!;

        Assert.Equal((1, new PartCounts(1, 0, 3, 4)), (Assert.Single(lines).Line, sums));
        Assert.Equal(new LineGroup(0, 2, 1, "IOException"), attempts.Current);
    }

    [Fact]
    public async Task What_is_done_of_unfinished_lines()
    {
        var (container, blobs) = await NewAsync();
        const string stored = """[{"line":7,"share":0.25,"state":{"scores":{}}}]""";
        await UploadAsync(container, "unfinished/000004", stored);

        var lines = await blobs.Progress.ReadUnfinishedAsync(4, CancellationToken.None);
        await blobs.Progress.WriteUnfinishedAsync(5, lines, CancellationToken.None);

        Assert.Equal((7, 0.25), (Assert.Single(lines).Line, lines[0].Share));
        Assert.Equal(stored, (await container.GetBlobClient("acme/key/unfinished/000005").DownloadContentAsync()).Value.Content.ToString());
        Assert.Empty(await blobs.Progress.ReadUnfinishedAsync(6, CancellationToken.None));
    }

    [Fact]
    public async Task A_plan_with_a_limit_of_work()
    {
        var (container, blobs) = await NewAsync();
        var limit = new WorkLimit("m", Seconds: 60, TokenForwards: 120_000);

        await blobs.PublishPlanAsync(new BatchPlan("plan-1", "m", "gpu", 0, [], Limit: limit), CancellationToken.None);

        var stored = (await container.GetBlobClient("acme/key/plan.json").DownloadContentAsync()).Value.Content.ToString();
        Assert.Contains("""limit":{"model":"m","seconds":60,"token_forwards":120000}""", stored, StringComparison.Ordinal);
        Assert.Equal(limit, (await blobs.FindPlanAsync(CancellationToken.None))!.Limit);
    }

    [Fact]
    public void A_manifest_of_a_model()
    {
        string hash = new('0', 64);
        string json = """{"files":{"config.json":{"bytes":5,"sha256":"HASH"}}}""".Replace("HASH", hash, StringComparison.Ordinal);

        var manifest = ModelManifest.Parse(BinaryData.FromString(json), "manifest");

        Assert.Equal(5, manifest.Bytes);
    }

    [Fact]
    public void Messages_in_queues()
    {
        Assert.Equal(new PlanMessage("t", "b"), MessageReader.TryRead<PlanMessage>("""{"tenant":"t","batch":"b"}"""));
        Assert.Equal(new FinishMessage("t", "b"), MessageReader.TryRead<FinishMessage>("""{"tenant":"t","batch":"b"}"""));
        Assert.Equal(new TrainingMessage("t", "j"), MessageReader.TryRead<TrainingMessage>("""{"tenant":"t","job":"j"}"""));
        Assert.Equal(
            new ShardMessage("t", "b", "plan-1", 4), MessageReader.TryRead<ShardMessage>(
                """{"tenant":"t","batch":"b","attempt":"plan-1","shard":4}"""));
        Assert.Equal(
            new WebhookMessage("t", "e", 2, Batch: "b"),
            MessageReader.TryRead<WebhookMessage>("""{"tenant":"t","endpoint":"e","batch":"b","attempt":2,"job":null}"""));
        Assert.Equal(
            new WebhookMessage("t", "e", 0, Job: "j"),
            MessageReader.TryRead<WebhookMessage>("""{"tenant":"t","endpoint":"e","batch":null,"attempt":0,"job":"j"}"""));
        Assert.Equal(
            new WebhookMessage("t", Endpoint: null, 0, Batch: "b"),
            MessageReader.TryRead<WebhookMessage>("""{"tenant":"t","endpoint":null,"batch":"b","attempt":0,"job":null}"""));
        Assert.Equal(
            new ShardMessage("t", "b", "plan-1", 4) { IsAhead = true }, MessageReader.TryRead<ShardMessage>(
                """{"tenant":"t","batch":"b","attempt":"plan-1","shard":4,"ahead":true}"""));
    }

    [Fact]
    public async Task Messages_are_sent_with_the_names_that_earlier_versions_read()
    {
        var storage = await fixture.NewAccountAsync();
        var queues = new WorkQueues(storage);

        await queues.SendPlanAsync(s_batch, CancellationToken.None);
        await queues.SendFinishAsync(s_batch, TimeSpan.Zero, CancellationToken.None);
        await queues.SendShardAsync("default", new ShardMessage("acme", "key", "plan-1", 4), CancellationToken.None);
        await queues.SendTrainAsync("default", s_batch, CancellationToken.None);

        Assert.Equal("""{"tenant":"acme","batch":"key"}""", await PeekAsync("plan"));
        Assert.Equal("""{"tenant":"acme","batch":"key"}""", await PeekAsync("finish"));
        Assert.Equal("""{"tenant":"acme","batch":"key","attempt":"plan-1","shard":4}""", await PeekAsync("generate-default"));
        Assert.Equal("""{"tenant":"acme","job":"key"}""", await PeekAsync("train-default"));

        async Task<string> PeekAsync(string queue) => (await storage.Queue(queue).PeekMessageAsync()).Value.Body.ToString();
    }

    private async Task<(BlobContainerClient, BatchBlobs)> NewAsync()
    {
        var storage = await fixture.NewAccountAsync();
        return (storage.Container(StorageNames.BatchesContainer), new BatchBlobs(storage, s_batch));
    }

    private static async Task UploadAsync(
        BlobContainerClient container, string name, string text, Dictionary<string, string>? metadata = null) =>
        await container.GetBlobClient($"acme/key/{name}")
            .UploadAsync(BinaryData.FromString(text), new BlobUploadOptions { Metadata = metadata });
}
