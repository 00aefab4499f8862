using System.ClientModel;
using System.Text.Json.Nodes;
using OpenAI.Batch;
using OpenAI.Files;
using static LLaDA.Batch.Functions.Tests.Contract.OpenAIFilesContractTests;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Contract;

/// <summary>OpenAI's .NET client takes a file in parts through uploads and into a batch.</summary>
public sealed class OpenAIUploadsContractTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_file_in_parts_becomes_the_input_of_a_batch()
    {
        await using var plane = await StartAsync(fixture);
        var client = NewClient(plane);
        var files = client.GetOpenAIFileClient();
        byte[] input = System.Text.Encoding.UTF8.GetBytes(Lines(4));
        string upload = Id(await files.CreateUploadAsync(BinaryContent.Create(BinaryData.FromString(
            $$"""{"filename":"in.jsonl","purpose":"batch","bytes":{{input.Length}},"mime_type":"application/jsonl"}"""))));
        List<string> parts = [];
        foreach (byte[] bytes in input.Chunk(input.Length / 3))
        {
            using var form = new MultipartFormDataContent("boundary") { { new ByteArrayContent(bytes), "data", "part" } };
            var content = BinaryContent.Create(new BinaryData(await form.ReadAsByteArrayAsync()));
            parts.Add(Id(await files.AddUploadPartAsync(upload, content, "multipart/form-data; boundary=boundary")));
        }

        var completed = JsonNode.Parse((await files.CompleteUploadAsync(upload, BinaryContent.Create(BinaryData.FromObjectAsJson(
            new { part_ids = parts })))).GetRawResponse().Content)!;
        string file = completed["file"]!["id"]!.GetValue<string>();
        var batch = await client.GetBatchClient().CreateBatchAsync(BinaryContent.Create(BinaryData.FromString(
            $$"""{"input_file_id":"{{file}}","endpoint":"/v1/infill","completion_window":"24h"}""")), waitUntilCompleted: false);

        Assert.Equal(input, (await files.DownloadFileAsync(file)).Value.ToArray());
        var record = (await plane.Batches.FindAsync(Tenant, batch.BatchId, CancellationToken.None))!;
        await plane.PlanAsync(record);
        Assert.Equal(4, (await plane.ReloadAsync(record)).TotalLines);
        string other = Id(await files.CreateUploadAsync(BinaryContent.Create(BinaryData.FromString(
            """{"filename":"in.jsonl","purpose":"batch","bytes":1,"mime_type":"application/jsonl"}"""))));
        var cancelled = await files.CancelUploadAsync(other, options: null!);
        Assert.Equal("cancelled", JsonNode.Parse(cancelled.GetRawResponse().Content)!["status"]!.GetValue<string>());
    }

    private static string Id(ClientResult result) => JsonNode.Parse(result.GetRawResponse().Content)!["id"]!.GetValue<string>();
}
