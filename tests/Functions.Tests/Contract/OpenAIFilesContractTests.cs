using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Files;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Contract;

/// <summary>What OpenAI's .NET client, which is stricter than plain HTTP, demands of files.</summary>
public sealed class OpenAIFilesContractTests(StorageFixture fixture)
{
    [Theory]
    [InlineData("/v1")]
    [InlineData("/openai/v1")]
    public async Task An_upload_whose_purpose_comes_last_is_taken_under_both_paths(string path)
    {
        await using var plane = await StartAsync(fixture);
        var files = NewClient(plane, path).GetOpenAIFileClient();

        var file = (await files.UploadFileAsync(BinaryData.FromString(Lines(2)), "ünïcode name.jsonl", FileUploadPurpose.Batch)).Value;

        Assert.Equal(("ünïcode name.jsonl", FilePurpose.Batch, (long?)Lines(2).Length), (file.Filename, file.Purpose, file.SizeInBytesLong));
        Assert.Equal(plane.Time.GetUtcNow().ToUnixTimeSeconds(), file.CreatedAt.ToUnixTimeSeconds());
        Assert.Equal(file.Id, (await files.GetFileAsync(file.Id)).Value.Id);
    }

    [Fact]
    public async Task Everything_that_a_batch_leaves_can_be_listed_and_downloaded()
    {
        await using var plane = await StartAsync(fixture);
        var files = NewClient(plane).GetOpenAIFileClient();
        var batch = await plane.PlannedAsync(Lines(3));
        await plane.UploadAsync("{}", "fine-tune");
        await plane.AnswerAsync(batch, 0, line => line == 2);
        await plane.FinishAsync(batch);
        batch = await plane.ReloadAsync(batch);

        var all = (await files.GetFilesAsync()).Value;
        var results = (await files.GetFilesAsync(FilePurpose.BatchOutput)).Value;

        Assert.Equal(4, all.Count);
        Assert.Equal(new[] { batch.OutputFileId, batch.ErrorFileId }.Order(), results.Select(file => file.Id).Order());
        Assert.Equal("""{"custom_id":"id-2"}""" + "\n", (await files.DownloadFileAsync(batch.ErrorFileId)).Value.ToString());
    }

    /// <summary>The client's own listing knows no limit and no cursor; pages are read through its pipeline.</summary>
    [Theory]
    [InlineData("desc")]
    [InlineData("asc")]
    public async Task A_listing_goes_over_three_pages_though_its_cursors_are_gone(string order)
    {
        await using var plane = await StartAsync(fixture);
        var files = NewClient(plane).GetOpenAIFileClient();
        List<string> ids = [], seen = [];
        for (int index = 0; index < 7; index++)
        {
            ids.Add((await files.UploadFileAsync(BinaryData.FromString("{}"), $"{index}.jsonl", FileUploadPurpose.Batch)).Value.Id);
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }

        for (bool hasMore = true; hasMore;)
        {
            using var message = files.Pipeline.CreateMessage();
            message.Request.Method = "GET";
            message.Request.Uri = new Uri(plane.Client.BaseAddress!, $"/v1/files?limit=3&order={order}{(seen.Count > 0 ? $"&after={seen[^1]}" : "")}");
            await files.Pipeline.SendAsync(message);
            var page = ModelReaderWriter.Read<OpenAIFileCollection>(message.Response!.Content)!;
            Assert.True(page.Count == 3 || seen.Count == 6);
            seen.AddRange(page.Select(file => file.Id));
            hasMore = JsonNode.Parse(message.Response.Content)!["has_more"]!.GetValue<bool>();
            await files.DeleteFileAsync(seen[^1]);
        }

        Assert.Equal(order == "asc" ? ids : Enumerable.Reverse(ids), seen);
    }

    [Fact]
    public async Task A_deleted_file_is_said_to_be_deleted()
    {
        await using var plane = await StartAsync(fixture);
        var files = NewClient(plane).GetOpenAIFileClient();
        var file = (await files.UploadFileAsync(BinaryData.FromString("{}"), "a.jsonl", FileUploadPurpose.FineTune)).Value;

        var deleted = (await files.DeleteFileAsync(file.Id)).Value;

        Assert.Equal((file.Id, true), (deleted.FileId, deleted.Deleted));
    }

    [Fact]
    public async Task Failures_arrive_with_status_type_code_and_words()
    {
        await using var plane = await StartAsync(fixture);

        var missing = await Assert.ThrowsAsync<ClientResultException>(() => NewClient(plane).GetOpenAIFileClient().GetFileAsync("file-none"));
        var unknown = await Assert.ThrowsAsync<ClientResultException>(() => NewClient(plane, key: "llada-wrong").GetOpenAIFileClient().GetFilesAsync());
        var purpose = await Assert.ThrowsAsync<ClientResultException>(() => NewClient(plane).GetOpenAIFileClient().UploadFileAsync(BinaryData.FromString("{}"), "a", FileUploadPurpose.Assistants));

        Assert.Equal(404, missing.Status);
        Assert.Contains("(invalid_request_error: not_found)", missing.Message, StringComparison.Ordinal);
        Assert.Contains("file-none", missing.Message, StringComparison.Ordinal);
        Assert.Equal(401, unknown.Status);
        Assert.Contains("(authentication_error: invalid_api_key)", unknown.Message, StringComparison.Ordinal);
        Assert.Equal(400, purpose.Status);
        Assert.Contains("Parameter: purpose", purpose.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_large_file_comes_back_whole()
    {
        await using var plane = await StartAsync(fixture);
        var files = NewClient(plane).GetOpenAIFileClient();
        byte[] content = Encoding.UTF8.GetBytes(Lines(1, new string('x', 9 << 20)));

        var file = (await files.UploadFileAsync(new MemoryStream(content), "big.jsonl", FileUploadPurpose.Batch)).Value;

        Assert.Equal(content, (await files.DownloadFileAsync(file.Id)).Value.ToArray());
    }

    internal static OpenAIClient NewClient(
        ControlPlane plane, string path = "/v1", string? key = null, PipelinePolicy? retries = null, HttpMessageHandler? handler = null)
    {
        var options = new OpenAIClientOptions { Endpoint = new Uri(plane.Client.BaseAddress!, path), RetryPolicy = retries };
        if (handler is not null)
            options.Transport = new HttpClientPipelineTransport(new HttpClient(handler));
        return new OpenAIClient(new ApiKeyCredential(key ?? plane.Client.DefaultRequestHeaders.Authorization!.Parameter!), options);
    }
}
