using System.Net;
using System.Text;
using LLaDA.Batch.AzureHost.Tests.Driver;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.AzureHost.Tests;

/// <summary>Answers at once through the published app.</summary>
public sealed class AnswerFlowTests(StorageFixture fixture, PublishedApp published)
{
    private const string Body = """{"model":"org/model:1","text":"a [MASK:2] b"}""";

    private static readonly TimeSpan s_soon = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task A_request_waits_for_its_part_and_comes_back_by_its_key()
    {
        await using var app = await RunningApp.StartAsync(fixture, published);
        var asking = AskAsync(app, Body, "key");
        string queue = StorageNames.NowQueue(StorageNames.DefaultProfile);
        await app.WaitAsync(async () => await app.CountAsync(queue) > 0, "no message was sent", s_soon);
        var message = (await app.Storage.Queue(queue).ReceiveMessageAsync()).Value;
        var shard = MessageReader.TryRead<ShardMessage>(message.Body.ToString())!;
        var blobs = new BatchBlobs(app.Storage, shard.Key);
        var line = Assert.Single(await blobs.Shards.ReadAsync(shard.PlanId, 0, CancellationToken.None));
        PartLine[] lines = [OutputLines.Answered(line, new { Text = "a filled b" })];
        await blobs.Parts.WriteAsync(0, lines, new PartCounts(1, 0, 10, 2), CancellationToken.None);

        Assert.Equal("a filled b", (await RunningApp.ReadAsync(await asking))["text"]!.GetValue<string>());
        Assert.Equal("a filled b", (await RunningApp.ReadAsync(await AskAsync(app, Body, "key")))["text"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_stream_is_refused_by_a_sentence()
    {
        await using var app = await RunningApp.StartAsync(fixture, published);

        using var refused = await AskAsync(app, Body[..^1] + ""","stream":true}""", key: null);

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("stream_not_offered", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static Task<HttpResponseMessage> AskAsync(RunningApp app, string body, string? key)
    {
        var content = new StringContent(body, Encoding.UTF8, "application/json");
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/infill") { Content = content };
        if (key is not null)
            request.Headers.Add("Idempotency-Key", key);
        return app.Client.SendAsync(request);
    }
}
