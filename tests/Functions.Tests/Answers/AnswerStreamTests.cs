using System.Net;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Answers;

public sealed class AnswerStreamTests(StorageFixture fixture)
{
    private const string ChatPath = "/v1/chat/completions";
    private const string Chat = """{"model":"org/model:1","messages":[{"role":"user","content":"a"}],"stream":true}""";

    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(50);

    [Fact]
    public async Task Steps_are_frames_and_settled_text_is_ordinary_deltas()
    {
        await using var plane = await StartAsync(fixture);
        var asking = plane.AskAsync(Chat, ChatPath);
        var answer = await plane.TakeAsync();
        Assert.True(answer.IsStreamed);
        Assert.False((await plane.LineAsync(answer)).Body.TryGetProperty("stream", out _));
        await FramesAsync(plane, answer, new(0, 1, 3, "░░s░", 0), new(0, 2, 2, "A ░s░", 2), new(1, 3, 1, "A fox░", 5));
        await plane.AnswerAsync(answer, ChatAnswer("A fox is."));

        using var response = await plane.WhileTimePassesAsync(asking, s_step);
        var events = await EventsAsync(response);

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.All(events, chunk => Assert.Equal("chat.completion.chunk", Text(chunk, "object")));
        Assert.Single(events.Select(chunk => Text(chunk, "id")).Distinct());
        Assert.Equal("assistant", events[0]["choices"]![0]!["delta"]!["role"]!.GetValue<string>());
        var frames = events.Where(chunk => chunk["type"] is not null).ToList();
        Assert.All(frames, frame => Assert.Equal("diffusion_frame", Text(frame, "type")));
        Assert.All(frames, frame => Assert.Equal("{}", frame["choices"]![0]!["delta"]!.ToJsonString()));
        Assert.Equal(
            [(0, 1, 3, "░░s░"), (0, 2, 2, "A ░s░"), (1, 3, 1, "A fox░")],
            frames.Select(frame => (Number(frame, "block"), Number(frame, "step"), Number(frame, "masks_left"), Text(frame, "text"))));
        Assert.Equal(["A ", "fox", " is."], Deltas(events));
        Assert.Equal("stop", events[^1]["choices"]![0]!["finish_reason"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_try_that_begins_again_sends_no_text_twice()
    {
        await using var plane = await StartAsync(fixture);
        var asking = plane.Client.SendAsync(Request(Chat, ChatPath), HttpCompletionOption.ResponseHeadersRead);
        var answer = await plane.TakeAsync();
        await FramesAsync(plane, answer, new(0, 1, 3, "A fo░░", 4), new(0, 2, 2, "A fox░", 5));
        using var response = await plane.WhileTimePassesAsync(asking, s_step);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        for (string line = ""; !line.Contains("\"content\":\"x\"", StringComparison.Ordinal);)
            line = await plane.WhileTimePassesAsync(reader.ReadLineAsync(), s_step) ?? throw new EndOfStreamException();
        await FramesAsync(plane, answer, new(0, 1, 3, "A ░░░", 2), new(0, 2, 2, "A fox i░ and more than before", 7));
        await plane.AnswerAsync(answer, ChatAnswer("A fox is."));

        string rest = await plane.WhileTimePassesAsync(reader.ReadToEndAsync(), s_step);

        Assert.Equal("A fox is.", "A fox" + string.Concat(Deltas(Events(rest))));
    }

    [Fact]
    public async Task Completions_and_usage_have_OpenAIs_form()
    {
        await using var plane = await StartAsync(fixture);
        string body = """{"model":"org/model:1","prompt":"a","stream":true,"stream_options":{"include_usage":true}}""";
        var asking = plane.AskAsync(body, "/v1/completions");
        await plane.AnswerAsync(await plane.TakeAsync(), new
        {
            Choices = new[]
            {
                new { Text = "one", Index = 0, FinishReason = "length" },
                new { Text = "two", Index = 1, FinishReason = "stop" },
            },
            Usage = new { PromptTokens = 3 },
        });

        var events = await EventsAsync(await plane.WhileTimePassesAsync(asking, s_step));

        Assert.All(events, chunk => Assert.Equal("text_completion", Text(chunk, "object")));
        Assert.Equal(
            [(0, "one", null), (0, "", "length"), (1, "two", null), (1, "", "stop")],
            events.Take(4).Select(chunk => chunk["choices"]![0]!)
                .Select(choice => (Number(choice, "index"), Text(choice, "text"), choice["finish_reason"]?.GetValue<string>())));
        Assert.Equal("[]", events[4]["choices"]!.ToJsonString());
        Assert.Equal(3, events[4]["usage"]!["prompt_tokens"]!.GetValue<int>());
        Assert.All(events.Take(4), chunk => Assert.Null(chunk["usage"]));
    }

    [Fact]
    public async Task Several_choices_begin_grow_and_end_each_under_its_index()
    {
        await using var plane = await StartAsync(fixture);
        var asking = plane.AskAsync(Chat, ChatPath);
        var answer = await plane.TakeAsync();
        await FramesAsync(
            plane, answer, new(0, 1, 3, "a ░░", 2), new(0, 1, 3, "b░░░", 1, Answer: 2),
            new(0, 2, 2, "a fox░", 5), new(0, 2, 2, "b c░", 3, Answer: 2));
        object Choice(int index, string text) =>
            new { Index = index, Message = new { Content = text }, FinishReason = "stop", Logprobs = new { Content = new[] { index } } };
        await plane.AnswerAsync(answer, new { Choices = new[] { Choice(0, "a fox is"), Choice(1, "late"), Choice(2, "b c") } });

        var events = await EventsAsync(await plane.WhileTimePassesAsync(asking, s_step));

        var byChoice = events.GroupBy(chunk => Number(chunk["choices"]![0]!, "index")).OrderBy(choice => choice.Key).ToList();
        Assert.Equal(["a fox is", "late", "b c"], byChoice.Select(choice => string.Concat(Deltas(choice))));
        Assert.Equal([2, 0, 2], byChoice.Select(choice => choice.Count(chunk => chunk["type"] is not null)));
        Assert.All(byChoice, choice =>
        {
            Assert.Equal("assistant", choice.First()["choices"]![0]!["delta"]!["role"]!.GetValue<string>());
            var end = choice.Last()["choices"]![0]!;
            Assert.Equal("stop", Text(end, "finish_reason"));
            Assert.Equal(choice.Key, end["logprobs"]!["content"]![0]!.GetValue<int>());
            Assert.All(choice.SkipLast(1), chunk => Assert.Null(chunk["choices"]![0]!["finish_reason"]));
        });
    }

    [Fact]
    public async Task A_filled_text_is_the_last_event()
    {
        await using var plane = await StartAsync(fixture);
        var asking = plane.AskAsync("""{"model":"org/model:1","text":"a [MASK:1]","stream":true}""");
        var answer = await plane.TakeAsync();
        await FramesAsync(plane, answer, new AnswerFrame(0, 1, 1, "a ░", 0));
        await plane.AnswerAsync(answer, new { Object = "infill", Text = "a b" });

        var events = await EventsAsync(await plane.WhileTimePassesAsync(asking, s_step));

        Assert.Equal([("infill.chunk", "a ░"), ("infill", "a b")], events.Select(chunk => (Text(chunk, "object"), Text(chunk, "text"))));
    }

    [Fact]
    public async Task Before_the_first_event_a_failure_has_its_status_and_behind_it_it_is_an_event()
    {
        await using var plane = await StartAsync(fixture);
        var error = new ApiError("steps must be at least 1", "invalid_request_error", "steps", "invalid_value");
        var refused = plane.AskAsync(Chat, ChatPath);
        await plane.RefuseAsync(await plane.TakeAsync(), error);
        await AssertErrorAsync(await plane.WhileTimePassesAsync(refused, s_step), HttpStatusCode.BadRequest, "steps");

        var asking = plane.AskAsync(Chat, ChatPath);
        var answer = await plane.TakeAsync();
        await FramesAsync(plane, answer, new AnswerFrame(0, 1, 1, "░", 0));
        await plane.RefuseAsync(answer, error);
        var last = (await EventsAsync(await plane.WhileTimePassesAsync(asking, s_step), isWhole: false))[^1];

        Assert.Equal("steps", last["error"]!["param"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_late_stream_says_so_by_status_or_by_event()
    {
        await using var plane = await StartAsync(fixture);
        var asking = plane.AskAsync(Chat, ChatPath, headers: ("Prefer", "wait=2"));
        await plane.TakeAsync();
        using (var late = await plane.WhileTimePassesAsync(asking, s_step))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, late.StatusCode);

        asking = plane.AskAsync(Chat, ChatPath, headers: ("Prefer", "wait=2"));
        await FramesAsync(plane, await plane.TakeAsync(), new AnswerFrame(0, 1, 1, "░", 0));
        var events = await EventsAsync(await plane.WhileTimePassesAsync(asking, s_step), isWhole: false);

        Assert.Equal("answer_late", events[^1]["error"]!["code"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_host_that_holds_answers_back_refuses_streams()
    {
        await using var plane = await StartAsync(fixture, services => services.AddSingleton(new EventStreams(AreServed: false)));

        await AssertErrorAsync(await plane.AskAsync(Chat, ChatPath), HttpStatusCode.BadRequest, "stream");
        Assert.Equal(0, await plane.CountAsync(Answering.Queue));
    }

    [Theory]
    [InlineData(false, BatchStatus.Cancelling)]
    [InlineData(true, BatchStatus.InProgress)]
    public async Task A_client_that_hangs_up_cancels_what_no_one_else_can_find(bool hasKey, BatchStatus status)
    {
        await using var plane = await StartAsync(fixture);
        using var hangUp = new CancellationTokenSource();
        var request = Request(Chat, ChatPath);
        if (hasKey)
            request.Headers.Add("Idempotency-Key", "key");
        var asking = plane.Client.SendAsync(request, hangUp.Token);
        var answer = await plane.TakeAsync();

        await hangUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        if (!hasKey)
        {
            while ((await plane.Batches.FindAsync(answer.Key, CancellationToken.None))!.Status != status)
                plane.Time.Advance(s_step);
        }
        Assert.Equal(status, (await plane.Batches.FindAsync(answer.Key, CancellationToken.None))!.Status);
    }

    private static HttpRequestMessage Request(string body, string path) =>
        new(HttpMethod.Post, path) { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") };

    /// <summary>Writes frames as a worker's new try does.</summary>
    private static async Task FramesAsync(ControlPlane plane, BatchRecord answer, params AnswerFrame[] frames)
    {
        await plane.Blobs(answer).Frames.CreateAsync(CancellationToken.None);
        await plane.Blobs(answer).Frames.AppendAsync(frames, CancellationToken.None);
    }

    private static object ChatAnswer(string text) => new
    {
        Choices = new[] { new { Index = 0, Message = new { Role = "assistant", Content = text }, FinishReason = "stop" } },
    };

    private static async Task<List<JsonNode>> EventsAsync(HttpResponseMessage response, bool isWhole = true)
    {
        using (response)
        {
            string text = await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
            Assert.Equal(isWhole, text.EndsWith("data: [DONE]\n\n", StringComparison.Ordinal));
            return Events(text);
        }
    }

    private static List<JsonNode> Events(string text) =>
    [
        .. text.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => JsonNode.Parse(line[6..])!),
    ];

    private static IEnumerable<string> Deltas(IEnumerable<JsonNode> events) =>
        events.Select(chunk => chunk["choices"]![0]!["delta"]!["content"]?.GetValue<string>())
            .OfType<string>().Where(text => text.Length > 0);

    private static string Text(JsonNode node, string name) => node[name]!.GetValue<string>();

    private static int Number(JsonNode node, string name) => node[name]!.GetValue<int>();
}
