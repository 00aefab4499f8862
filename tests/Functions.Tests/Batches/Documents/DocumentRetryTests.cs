using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using static LLaDA.Batch.Functions.Tests.Batches.BatchResultsTests;
using static LLaDA.Batch.Functions.Tests.Batches.Documents.Documenting;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches.Documents;

public sealed class DocumentRetryTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_retry_of_a_folder_fills_the_documents_that_failed_and_no_others()
    {
        await using var plane = await StartAsync(fixture);
        var container = await BoundAsync(plane);
        await UploadAsync(container, "in/a.txt", "a [MASK:2]");
        await container.GetBlobClient("in/b.txt").UploadAsync(new BinaryData(new byte[] { 0xff }));
        await container.GetBlobClient("in/c.txt").UploadAsync(new BinaryData(new byte[] { 0xff }));
        var parent = await CreatedAsync(plane, Folder("in"), Folder("out"));
        await plane.PlanAsync(parent);
        await AnswerAsync(plane, parent);
        await plane.FinishAsync(parent);
        await container.GetBlobClient("in/b.txt").UploadAsync(new BinaryData("b [MASK:1]"), overwrite: true);
        await container.GetBlobClient("in/c.txt").DeleteAsync();
        await UploadAsync(container, "in/new.txt", "new [MASK:2]");

        string id = (await ReadAsync(await plane.Client.PostAsync($"/v1/batches/{parent.Id}/retry", null)))["id"]!.GetValue<string>();
        var retry = (await plane.Batches.FindAsync(Tenant, id, CancellationToken.None))!;
        await plane.PlanAsync(retry);
        await AnswerAsync(plane, retry);
        await plane.FinishAsync(retry);

        retry = await plane.ReloadAsync(retry);
        Assert.Equal((BatchStatus.Completed, 1, 1), (retry.Status, retry.CompletedLines, retry.FailedLines));
        Assert.Equal("b filled", (await container.GetBlobClient("out/b.txt").DownloadContentAsync()).Value.Content.ToString());
        Assert.False(await container.GetBlobClient("out/new.txt").ExistsAsync());
        var lines = await ResultsAsync(plane, await plane.ReloadAsync(parent));
        Assert.Equal(["a.txt completed", "b.txt failed", "c.txt failed"], lines.Select(line => $"{line["custom_id"]} {line["status"]}"));
        Assert.Equal("completed", lines[1]["retries"]![0]!["status"]!.GetValue<string>());
        Assert.Equal("document_not_found", lines[2]["retries"]![0]!["error"]!["code"]!.GetValue<string>());
        Assert.All(lines, line => Assert.Null(line["input"]));
    }
}
