using System.Net;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class BatchPartsApiTests(StorageFixture fixture)
{
    [Fact]
    public async Task Results_can_be_had_as_they_come_and_make_up_the_whole()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(6, "[MASK:300] x"));
        int shards = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!.Shards.Count;
        Assert.True(shards > 1);
        List<string> seen = [];

        for (int shard = shards - 1; shard >= 0; shard--)
        {
            await AssertErrorAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}/parts/{shard}/content"), HttpStatusCode.NotFound, null);
            await plane.AnswerAsync(batch, shard, line => line == 4);
            string content = await plane.Client.GetStringAsync($"/v1/batches/{batch.Id}/parts/{shard}/content");
            seen.AddRange(content.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            var listed = await ReadAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}/parts"));
            Assert.Equal(Enumerable.Range(shard, shards - shard), listed["data"]!.AsArray().Select(part => part!["index"]!.GetValue<int>()));
        }
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        string[] whole = [.. await plane.LinesAsync(batch.OutputFileId!), .. await plane.LinesAsync(batch.ErrorFileId!)];
        Assert.Equal(whole.Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Another_tenants_parts_cannot_be_seen()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(1));
        await plane.AnswerAsync(batch, 0);
        using var other = await plane.NewClientAsync("other");

        await AssertErrorAsync(await other.GetAsync($"/v1/batches/{batch.Id}/parts"), HttpStatusCode.NotFound, null);
        await AssertErrorAsync(await other.GetAsync($"/v1/batches/{batch.Id}/parts/0/content"), HttpStatusCode.NotFound, null);
    }
}
