using System.Text;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LLaDA.Batch.Functions.Tests.Answers;

/// <summary>Requests for answers at once, and a worker that answers them as its test says.</summary>
internal static class Answering
{
    public const string Infill = """{"model":"org/model:1","text":"a [MASK:2] b"}""";

    /// <summary>Passes between two looks at a request that waits.</summary>
    public static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    /// <summary>The object that a worker answers with.</summary>
    public static readonly object Filled = new { Object = "infill", Text = "a filled b" };

    public static readonly string Queue = StorageNames.NowQueue(StorageNames.DefaultProfile);

    public static Task<HttpResponseMessage> AskAsync(
        this ControlPlane plane,
        string body = Infill,
        string path = "/v1/infill",
        HttpClient? client = null,
        params (string Name, string Value)[] headers)
    {
        var content = new StringContent(body, Encoding.UTF8, "application/json");
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return (client ?? plane.Client).SendAsync(request);
    }

    /// <summary>Asks another process of the control plane, whose fault ends the request.</summary>
    public static async Task AskOnAsync(this ControlPlane plane, IServiceProvider host, params (string Name, string Value)[] headers)
    {
        await using var scope = host.CreateAsyncScope();
        var context = new DefaultHttpContext { RequestServices = scope.ServiceProvider };
        context.Request.Method = HttpMethod.Post.Method;
        context.Request.Path = "/v1/infill";
        context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(Infill));
        context.Request.Headers.Authorization = plane.Client.DefaultRequestHeaders.Authorization!.ToString();
        foreach (var (name, value) in headers)
            context.Request.Headers[name] = value;
        await RestApi.Build(host)(context);
    }

    /// <summary>Waits for the message of the next answer, and takes it.</summary>
    public static async Task<BatchRecord> TakeAsync(this ControlPlane plane)
    {
        while (true)
        {
            if ((await plane.Storage.Queue(Queue).ReceiveMessageAsync()).Value is not { } message)
                continue;
            await plane.Storage.Queue(Queue).DeleteMessageAsync(message.MessageId, message.PopReceipt);
            var shard = MessageReader.TryRead<ShardMessage>(message.Body.ToString())!;
            return (await plane.Batches.FindAsync(shard.Key, CancellationToken.None))!;
        }
    }

    /// <summary>Writes the part of an answer as a worker would.</summary>
    public static async Task AnswerAsync(this ControlPlane plane, BatchRecord answer, object body)
    {
        var line = OutputLines.Answered(await plane.LineAsync(answer), body);
        await plane.Blobs(answer).Parts.WriteAsync(0, [line], new PartCounts(1, 0, 10, 2), CancellationToken.None);
    }

    public static async Task RefuseAsync(this ControlPlane plane, BatchRecord answer, ApiError error)
    {
        var line = OutputLines.Refused(await plane.LineAsync(answer), 400, error);
        await plane.Blobs(answer).Parts.WriteAsync(0, [line], new PartCounts(0, 1, 0, 0), CancellationToken.None);
    }

    public static async Task<ShardLine> LineAsync(this ControlPlane plane, BatchRecord answer)
    {
        var plan = (await plane.Blobs(answer).FindPlanAsync(CancellationToken.None))!;
        return (await plane.Blobs(answer).Shards.ReadAsync(plan.PlanId, 0, CancellationToken.None)).Single();
    }

    /// <summary>Lets the clock run until a request is answered, a step for each call to storage.</summary>
    public static async Task<T> WhileTimePassesAsync<T>(this ControlPlane plane, Task<T> request, TimeSpan step)
    {
        while (!request.IsCompleted)
        {
            plane.Time.Advance(step);
            await plane.CountAsync(Queue);
        }
        return await request;
    }

    public static Task SweepAnswersAsync(this ControlPlane plane) => plane.Get<AnswerSweep>().RunAsync(CancellationToken.None);

    /// <summary>The request ends its record behind the answer, so the record is awaited.</summary>
    public static async Task EndedAsync(this ControlPlane plane, BatchRecord answer, BatchStatus status)
    {
        BatchRecord current;
        do
            current = (await plane.Batches.FindAsync(answer.Key, CancellationToken.None))!;
        while (!current.IsTerminal);
        Assert.Equal((status, 1), (current.Status, current.TotalLines));
        Assert.Equal(status == BatchStatus.Completed ? 1 : 0, current.CompletedLines);
        while (await plane.Batches.OpenAnswers.FindAsync(answer.Key, CancellationToken.None) is not null)
            await Task.Yield();
    }
}
