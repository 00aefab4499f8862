using System.Text.Json.Nodes;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Batches;
using static LLaDA.Batch.Functions.Tests.Batches.Documents.Documenting;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches.Documents;

public sealed class DocumentBatchTests(StorageFixture fixture)
{
    [Fact]
    public async Task Every_document_comes_back_under_its_name_and_the_manifest_tells_the_outcome_of_each()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxLineBytes", "1000"));
        var container = await BoundAsync(plane);
        foreach (int index in Enumerable.Range(0, 150))
            await UploadAsync(container, $"in/{index % 7}/ünïcode {index:D3}.txt", $"document {index} [MASK:2]\r\n");
        await container.GetBlobClient("in/broken.txt").UploadAsync(new BinaryData(new byte[] { 0x41, 0xff, 0x42 }));
        await UploadAsync(container, "in/large.txt", new string('x', 1001));
        await UploadAsync(container, "in/old.txt", "[MASK:2]");
        await container.GetBlobClient("in/old.txt").SetAccessTierAsync(AccessTier.Archive);
        await UploadAsync(container, "elsewhere/other.txt", "not asked for [MASK:1]");

        var batch = await CreatedAsync(plane, """{"container":"corpus","prefix":"in"}""", """{"container":"corpus","prefix":"out/"}""");
        await plane.PlanAsync(batch);
        await AnswerAsync(plane, batch);
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal((BatchStatus.Completed, 150, 3), (batch.Status, batch.CompletedLines, batch.FailedLines));
        foreach (int index in Enumerable.Range(0, 150))
            Assert.Equal(
                $"document {index} filled\r\n",
                (await container.GetBlobClient($"out/{index % 7}/ünïcode {index:D3}.txt").DownloadContentAsync()).Value.Content.ToString());
        JsonNode[] manifest = [
            .. (await container.GetBlobClient($"out/manifest.{batch.Id}.jsonl").DownloadContentAsync()).Value.Content.ToString()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(153, manifest.Select(entry => entry["custom_id"]!.GetValue<string>()).Distinct().Count());
        Assert.Equal([("broken.txt", "not_utf8"), ("large.txt", "document_too_large"), ("old.txt", "document_archived")],
            manifest.Where(entry => entry["error"] is not null)
            .Select(entry => (entry["custom_id"]!.GetValue<string>(), entry["error"]!["code"]!.GetValue<string>())));
        Assert.All(
            manifest.Where(entry => entry["error"] is null), entry =>
                Assert.Equal($"out/{entry["custom_id"]}", entry["response"]!["body"]!["blob"]!.GetValue<string>()));
        Assert.Equal(151, await container.GetBlobsAsync(new Azure.Storage.Blobs.Models.GetBlobsOptions { Prefix = "out/" }).CountAsync());
        Assert.Equal(150, (await plane.LinesAsync(batch.OutputFileId!)).Length);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("copy")]
    [InlineData("refuse")]
    public async Task A_document_without_a_gap_is_copied_byte_for_byte_or_refused(string? withoutGaps)
    {
        await using var plane = await StartAsync(fixture);
        var container = await BoundAsync(plane);
        byte[] literal = [0xEF, 0xBB, 0xBF, .. "a literal \\[MASK] and nothing else\r\n"u8];
        await container.GetBlobClient("in/a.txt").UploadAsync(new BinaryData(literal));
        await UploadAsync(container, "in/b.txt", "b [MASK:2]");
        await UploadAsync(container, "in/empty.txt", "");

        var batch = await CreatedAsync(plane, Folder("in"), Folder("out"), withoutGaps);
        await plane.PlanAsync(batch);
        await AnswerAsync(plane, batch);
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        bool isCopied = withoutGaps != "refuse";
        Assert.Equal((BatchStatus.Completed, isCopied ? 3 : 1, isCopied ? 0 : 2), (batch.Status, batch.CompletedLines, batch.FailedLines));
        Assert.Equal(isCopied, await container.GetBlobClient("out/a.txt").ExistsAsync());
        var manifest = (await container.GetBlobClient($"out/manifest.{batch.Id}.jsonl").DownloadContentAsync()).Value.Content.ToString();
        Assert.Equal(isCopied ? 2 : 0, manifest.Split("\"copied\":true").Length - 1);
        Assert.Equal(isCopied ? 0 : 2, manifest.Split("\"no_gaps\"").Length - 1);
        if (isCopied)
            Assert.Equal(literal, (await container.GetBlobClient("out/a.txt").DownloadContentAsync()).Value.Content.ToArray());
    }

    [Fact]
    public async Task A_folder_without_any_gap_is_copied_without_a_worker()
    {
        await using var plane = await StartAsync(fixture);
        var container = await BoundAsync(plane);
        await UploadAsync(container, "in/a.txt", "no gap");
        var batch = await CreatedAsync(plane, Folder("in"), Folder("out"));

        await plane.PlanAsync(batch);
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal((BatchStatus.Completed, 1), (batch.Status, batch.CompletedLines));
        Assert.Equal("no gap", (await container.GetBlobClient("out/a.txt").DownloadContentAsync()).Value.Content.ToString());
    }

    [Fact]
    public async Task A_document_that_storage_refuses_to_write_is_an_error_that_keeps_its_text_and_the_others_are_written()
    {
        await using var plane = await StartAsync(fixture);
        var container = await BoundAsync(plane);
        foreach (string name in new[] { "a", "b", "c" })
            await UploadAsync(container, $"in/{name}.txt", $"{name} [MASK:2]");
        await UploadAsync(container, "out/b.txt", "somebody's own");
        await container.GetBlobClient("out/b.txt").GetBlobLeaseClient().AcquireAsync(BlobLeaseClient.InfiniteLeaseDuration);
        var batch = await CreatedAsync(plane, """{"container":"corpus","prefix":"in"}""", """{"container":"corpus","prefix":"out"}""");
        await plane.PlanAsync(batch);
        await AnswerAsync(plane, batch);

        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal((BatchStatus.Completed, 2, 1), (batch.Status, batch.CompletedLines, batch.FailedLines));
        Assert.Equal("c filled", (await container.GetBlobClient("out/c.txt").DownloadContentAsync()).Value.Content.ToString());
        var error = JsonNode.Parse(Assert.Single(await plane.LinesAsync(batch.ErrorFileId!)))!;
        Assert.Equal(
            ("b.txt", "document_not_written"), (error["custom_id"]!.GetValue<string>(), error["error"]!["code"]!.GetValue<string>()));
        Assert.Equal("b filled", error["response"]!["body"]!["text"]!.GetValue<string>());
        Assert.Equal(2, (await plane.LinesAsync(batch.OutputFileId!)).Length);
    }

    [Fact]
    public async Task Documents_count_towards_the_tenants_bytes_and_a_folder_with_more_of_them_fails()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxActiveBytes", "1000"));
        var container = await BoundAsync(plane);
        foreach (int index in Enumerable.Range(0, 5))
            await UploadAsync(container, $"{(index < 3 ? "in" : "more")}/{index}.txt", new string('x', index < 3 ? 300 : 600));
        const string output = """{"container":"corpus","prefix":"out"}""";

        var batch = await CreatedAsync(plane, """{"container":"corpus","prefix":"in"}""", output);
        await plane.PlanAsync(batch);
        Assert.Equal(900, (await plane.Batches.Open.FindAsync(batch.Key, CancellationToken.None))!.InputBytes);

        var tooMuch = await CreatedAsync(plane, """{"container":"corpus","prefix":"more"}""", output);
        await plane.PlanAsync(tooMuch);
        Assert.Contains("too_much_data", (await plane.ReloadAsync(tooMuch)).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_batch_writes_the_documents_that_were_filled()
    {
        const int NumDocuments = 60;    // more than a shard takes
        await using var plane = await StartAsync(fixture);
        var container = await BoundAsync(plane);
        foreach (int index in Enumerable.Range(0, NumDocuments))
            await UploadAsync(container, $"in/{index}.txt", "[MASK:400] x");
        var batch = await CreatedAsync(plane, """{"container":"corpus","prefix":"in"}""", """{"container":"corpus","prefix":"out"}""");
        await plane.PlanAsync(batch);
        await AnswerAsync(plane, batch, onlyShard: 0);
        (await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null)).EnsureSuccessStatusCode();
        plane.Time.Advance(BatchTimes.CancelGrace);

        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal(BatchStatus.Cancelled, batch.Status);
        Assert.InRange(batch.CompletedLines, 1, NumDocuments - 1);
        Assert.Equal(
            batch.CompletedLines + 1, await container.GetBlobsAsync(new Azure.Storage.Blobs.Models.GetBlobsOptions { Prefix = "out/" })
            .CountAsync());
        Assert.Equal(
            NumDocuments - batch.CompletedLines, (await plane.LinesAsync(batch.ErrorFileId!))
            .Count(line => line.Contains("batch_cancelled", StringComparison.Ordinal)));
    }
}
