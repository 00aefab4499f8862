using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Batch;
using OpenAI.Chat;
using OpenAI.Files;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>OpenAI's own .NET client, which refuses much that plain HTTP takes, against the system.</summary>
public sealed class OpenAIClientTests(StackFixture fixture)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task A_batch_runs_from_the_upload_to_the_download()
    {
        var client = NewClient();
        var files = client.GetOpenAIFileClient();
        string model = (await client.GetOpenAIModelClient().GetModelsAsync()).Value[0].Id;
        string line = Batches.Line(
            "one", "/v1/chat/completions", new()
            { ["model"] = model, ["max_tokens"] = 4,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "hello" }) });

        var input = (await files.UploadFileAsync(BinaryData.FromString(line), "input.jsonl", FileUploadPurpose.Batch)).Value;
        var body = BinaryData.FromObjectAsJson(
            new { input_file_id = input.Id, endpoint = "/v1/chat/completions", completion_window = "24h" });
        var operation = await client.GetBatchClient().CreateBatchAsync(BinaryContent.Create(body), waitUntilCompleted: false);
        using var limit = new CancellationTokenSource(s_limit);
        await operation.WaitForCompletionAsync(limit.Token);

        var batch = JsonNode.Parse((await operation.GetBatchAsync(options: null)).GetRawResponse().Content.ToString())!;
        Assert.Equal("completed", batch["status"]!.GetValue<string>());
        string output = (await files.DownloadFileAsync(batch["output_file_id"]!.GetValue<string>())).Value.ToString();
        var answered = JsonNode.Parse(output)!;
        Assert.Equal("one", answered["custom_id"]!.GetValue<string>());
        var completion = ModelReaderWriter.Read<ChatCompletion>(BinaryData.FromString(answered["response"]!["body"]!.ToJsonString()))!;
        Assert.Equal((model, ChatMessageRole.Assistant), (completion.Model, completion.Role));
        Assert.Equal(
            answered["response"]!["body"]!["choices"]![0]!["message"]!["content"]!.GetValue<string>(), Assert
            .Single(completion.Content).Text);
        Assert.True(completion.FinishReason is ChatFinishReason.Stop or ChatFinishReason.Length);
        Assert.InRange(completion.Usage.OutputTokenCount, 1, 4);
        Assert.True(completion.Usage.InputTokenCount > 1);
        Assert.Equal(completion.Usage.InputTokenCount + completion.Usage.OutputTokenCount, completion.Usage.TotalTokenCount);
        Assert.Contains((await files.GetFilesAsync()).Value, file => file.Id == batch["output_file_id"]!.GetValue<string>());
        Assert.True((await files.DeleteFileAsync(input.Id)).Value.Deleted);
    }

    [Fact]
    public async Task Listings_of_batches_go_over_pages()
    {
        var client = NewClient();
        using var http = fixture.Stack.CreateClient();
        for (int index = 0; index < 3; index++)
            await Batches.RunAsync(http, "/v1/infill", "nonsense");

        List<string> ids = [];
        await foreach (var batch in client.GetBatchClient().GetBatchesAsync(new BatchCollectionOptions { PageSizeLimit = 2 }))
            ids.Add(batch.Id);

        Assert.True(ids.Count >= 3);
        Assert.Equal(ids.Distinct(), ids);
    }

    [Fact]
    public async Task Errors_reach_the_client_with_their_words()
    {
        var exception = await Assert.ThrowsAsync<ClientResultException>(() => NewClient().GetOpenAIFileClient().GetFileAsync("file-none"));

        Assert.Equal(404, exception.Status);
        Assert.Contains("file-none", exception.Message, StringComparison.Ordinal);
    }

    private OpenAIClient NewClient() =>
        new(new ApiKeyCredential(fixture.Stack.ApiKey), new OpenAIClientOptions { Endpoint = new Uri(fixture.Stack.Address + "/v1") });
}
