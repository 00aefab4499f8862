using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Worker.Tests;

public sealed class AnswersAtOnceTests(StorageFixture fixture, TinyModel model)
{
    [Fact]
    public async Task An_answer_at_once_is_a_part_and_nothing_else()
    {
        using var worker = await WorkerUnderTest.CreateAsync(fixture.NewConnectionString(), model.Folder);
        var answer = await AskAsync(worker, new { model = TinyModel.Id, text = "the [MASK:2] fox" });

        await worker.Shards.RunAsync(Message(answer), CancellationToken.None);

        Assert.StartsWith("the ", (await BodyAsync(worker, answer))["text"]!.GetValue<string>(), StringComparison.Ordinal);
        var finish = await worker.Storage.Queue(StorageNames.FinishQueue).PeekMessageAsync();
        Assert.Null(finish.Value);
        Assert.Empty((await new BatchBlobs(worker.Storage, answer).Frames.ReadAsync(default, CancellationToken.None)).Frames);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_streamed_answer_shows_its_steps_and_ends_with_the_text_that_it_settled(int n)
    {
        using var worker = await WorkerUnderTest.CreateAsync(fixture.NewConnectionString(), model.Folder);
        var body = new { model = TinyModel.Id, prompt = "the", max_tokens = 40, block_length = 4, n, temperature = 1 };
        var answer = await AskAsync(worker, body, BatchEndpoint.Completions, isStreamed: true);

        await worker.Shards.RunAsync(Message(answer), CancellationToken.None);

        string[] texts = [.. (await BodyAsync(worker, answer))["choices"]!.AsArray().Select(choice => choice!["text"]!.GetValue<string>())];
        Assert.Equal(n, texts.Length);
        var (frames, _) = await new BatchBlobs(worker.Storage, answer).Frames.ReadAsync(default, CancellationToken.None);
        Assert.NotEmpty(frames);
        Assert.All(frames, frame => Assert.StartsWith(frame.Text[..frame.Settled], texts[frame.Answer], StringComparison.Ordinal));
        Assert.All(frames.GroupBy(frame => frame.Answer), shown =>
            Assert.Equal(shown.Select(frame => frame.Step).Order(), shown.Select(frame => frame.Step)));
    }

    [Fact]
    public async Task A_streamed_document_shows_its_gaps()
    {
        using var worker = await WorkerUnderTest.CreateAsync(fixture.NewConnectionString(), model.Folder);
        var answer = await AskAsync(worker, new { model = TinyModel.Id, text = "the [MASK:20] and [MASK:20]." }, isStreamed: true);

        await worker.Shards.RunAsync(Message(answer), CancellationToken.None);

        var (frames, _) = await new BatchBlobs(worker.Storage, answer).Frames.ReadAsync(default, CancellationToken.None);
        Assert.NotEmpty(frames);
        Assert.All(frames, frame => Assert.StartsWith("the", frame.Text, StringComparison.Ordinal));
        Assert.All(frames, frame => Assert.InRange(frame.MasksLeft, frame.Text.Count(character => character == '░'), 40));
    }

    [Theory]
    [InlineData(BatchEndpoint.Infill, """{"model":"tiny","text":"the [MASK:6] fox [MASK:2]","trace":true,"remasking":"revision"}""")]
    [InlineData(BatchEndpoint.Completions, """{"model":"tiny","prompt":"the","max_tokens":8,"trace":true,"remasking":"revision"}""")]
    public async Task A_trace_says_when_each_token_was_committed_and_what_was_taken_back(string endpoint, string body)
    {
        using var worker = await WorkerUnderTest.CreateAsync(fixture.NewConnectionString(), model.Folder);
        var answer = await AskAsync(worker, JsonElement.Parse(body), endpoint);

        await worker.Shards.RunAsync(Message(answer), CancellationToken.None);

        var answered = await BodyAsync(worker, answer);
        var traced = (answered["spans"] ?? answered["choices"])![0]!;
        var tokens = traced["trace"]!["tokens"]!.AsArray();
        int numTokens = (traced["tokens"] ?? answered["usage"]!["completion_tokens"])!.GetValue<int>();
        Assert.Equal(numTokens, tokens.Count);
        Assert.All(tokens, token => Assert.NotEmpty(token!["token"]!.GetValue<string>()));
        Assert.All(tokens, token => Assert.InRange(token!["step"]!.GetValue<int>(), 1, 8));
        Assert.All(tokens, token => Assert.InRange(token!["confidence"]!.GetValue<double>(), 0, 1));
        var takenBack = traced["trace"]!["taken_back"]!.AsArray();
        Assert.NotEmpty(takenBack);
        Assert.All(takenBack, taken => Assert.True(taken!["step"]!.GetValue<int>() < taken["taken_back_at"]!.GetValue<int>()));
    }

    private static ShardMessage Message(BatchRecord answer) => new(answer.Tenant, answer.RowKey, WorkerUnderTest.PlanId, 0);

    private static async Task<BatchRecord> AskAsync(
        WorkerUnderTest worker, object body, string endpoint = BatchEndpoint.Infill, bool isStreamed = false)
    {
        var answer = new BatchRecord
        {
            PartitionKey = "tenant",
            RowKey = AnswerKey.Of(SortableKey.Create(TimeProvider.System)),
            Endpoint = endpoint,
            IsStreamed = isStreamed,
            ExpiresAt = TimeProvider.System.GetUtcNow().AddHours(1),
        };
        var plan = new BatchPlan(WorkerUnderTest.PlanId, TinyModel.Id, StorageNames.DefaultProfile, 1, [new PlannedShard(0, 1)]);
        await worker.Get<BatchStore>().AddAnswerAsync(answer, plan, CancellationToken.None);
        var blobs = new BatchBlobs(worker.Storage, answer);
        var line = BinaryData.FromString(WorkerUnderTest.Line(1, body));
        await blobs.Shards.WriteOnceAsync(plan.PlanId, 0, line, CancellationToken.None);
        await blobs.PublishPlanAsync(plan, CancellationToken.None);
        return answer;
    }

    private static async Task<JsonNode> BodyAsync(WorkerUnderTest worker, BatchRecord answer)
    {
        var part = await new BatchBlobs(worker.Storage, answer).Parts.ReadAsync(0, CancellationToken.None);
        return JsonNode.Parse(Assert.Single(part).Json)!["response"]!["body"]!;
    }
}
