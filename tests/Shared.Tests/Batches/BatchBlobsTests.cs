using System.Text.Json;
using CsCheck;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Tests.Batches;

public sealed class BatchBlobsTests(StorageFixture fixture)
{
    [Fact]
    public async Task The_first_plan_is_the_one_that_all_get()
    {
        var blobs = new BatchBlobs(await fixture.NewAccountAsync(), new JobKey("tenant", "batch"));
        var plans = Enumerable.Range(0, 5)
            .Select(attempt => new BatchPlan($"attempt{attempt}", "model", "default", 1, [new PlannedShard(0, 1)]));

        var published = await Task.WhenAll(plans.Select(plan => blobs.PublishPlanAsync(plan, CancellationToken.None)));

        Assert.Single(published.Select(plan => plan.PlanId).Distinct());
        Assert.Equal(published[0].PlanId, (await blobs.FindPlanAsync(CancellationToken.None))!.PlanId);
    }

    [Fact]
    public async Task A_part_is_written_once_and_the_second_writer_is_told()
    {
        var blobs = new BatchBlobs(await fixture.NewAccountAsync(), new JobKey("tenant", "batch"));

        bool first = await blobs.Parts.WriteAsync(3, [new PartLine(1, false, "{}")], new PartCounts(1, 3, 5, 6, 2), CancellationToken.None);
        bool second = await blobs.Parts.WriteAsync(3, [new PartLine(1, true, "{}")], new PartCounts(0, 1, 0, 0), CancellationToken.None);

        Assert.True(first);
        Assert.False(second);
        Assert.Equal([new PartLine(1, false, "{}")], await blobs.Parts.ReadAsync(3, CancellationToken.None));
        Assert.Equal(new PartCounts(1, 3, 5, 6, 2), (await blobs.Parts.ListAsync(CancellationToken.None))[3]);
    }

    [Fact]
    public async Task Progress_is_kept_until_it_is_replaced()
    {
        var blobs = new BatchBlobs(await fixture.NewAccountAsync(), new JobKey("tenant", "batch"));
        Assert.Empty((await blobs.Progress.ReadAsync(0, CancellationToken.None)).Lines);

        await blobs.Progress.WriteAsync(0, [new PartLine(7, false, """{"a":"b c"}""")], new PartCounts(1, 0, 2, 3), CancellationToken.None);

        var (lines, counts) = await blobs.Progress.ReadAsync(0, CancellationToken.None);
        Assert.Equal([new PartLine(7, false, """{"a":"b c"}""")], lines);
        Assert.Equal(new PartCounts(1, 0, 2, 3), counts);
    }

    [Fact]
    public async Task Lines_of_a_shard_come_back_as_they_were()
    {
        var blobs = new BatchBlobs(await fixture.NewAccountAsync(), new JobKey("tenant", "batch"));
        string[] texts = ["plain", "ünïcode 😀", "with \"quotes\" and \n line ends"];
        var lines = texts.Select((text, index) => new ShardLine(index + 1, $"id {index}", JsonSerializer.SerializeToElement(new { text })));

        await blobs.Shards.WriteAsync(
            "attempt", 0, BinaryData.FromString(
                string.Concat(lines.Select(line => JsonSerializer.Serialize(line, WireJson.Options) + "\n"))), CancellationToken.None);

        var read = await blobs.Shards.ReadAsync("attempt", 0, CancellationToken.None);
        Assert.Equal(texts, read.Select(line => line.Body.GetProperty("text").GetString()));
        Assert.Equal([1, 2, 3], read.Select(line => line.Line));
    }

    [Fact]
    public void A_part_line_survives_its_text_form() =>
        Gen.Select(Gen.Int[1, 1_000_000], Gen.Bool, Gen.String[Gen.Char[' ', '~'], 0, 50]).Sample((line, isError, json) =>
    {
        var part = new PartLine(line, isError, json);
        Assert.Equal(part, PartLine.Parse(part.ToString()));
    });
}
