using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Testing;

/// <summary>
/// A client's requests that write, with one fault in between: a file, a batch, the retry of its failed line, an answer at once, a file in
/// parts and one that is given up. Then <see cref="RequestTrialCheck"/> looks at what there is. No worker runs: the trial writes its parts.
/// </summary>
/// <param name="connectionString">An empty storage account.</param>
internal sealed class RequestTrial(string connectionString, TrialOptions options) : IAsyncDisposable
{
    public const string Tenant = "tenant", Model = "org/model:1";

    public const int NumLines = 3, FailedLine = 2;

    /// <summary>The bytes of the file that comes in parts, part by part.</summary>
    public static readonly IReadOnlyList<string> Parts =
        ["{\"prompt\":\"a\",\"completion\":\"b\"}\n", "{\"prompt\":\"c\",\"completion\":\"d\"}\n"];

    private const int MaxRounds = 40;
    private static readonly TimeSpan s_idleTime = TimeSpan.FromMinutes(3);
    private static readonly HttpClient s_http = new();

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly StorageAccount _storage = new(new StorageOptions { ConnectionString = connectionString });
    private Restarted<FunctionsProcess>? _functions;

    /// <summary>What was under way when the fault happened; null when it did not.</summary>
    public string? HitIn => _functions?.HitIn;

    /// <returns>Calls to storage that the processes made.</returns>
    /// <exception cref="TrialException">Something that must hold did not.</exception>
    public async Task<int> RunAsync()
    {
        await _storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        var known = new ModelRecord { PartitionKey = ModelRecord.EveryTenant, Id = Model, ContextLength = 64, TokenForwardsPerSecond = 1 };
        await new ModelCatalog(_storage).RegisterAsync(known, CancellationToken.None);
        string apiKey = await new ApiKeys(_storage, _time).CreateAsync(Tenant, "trial", CancellationToken.None);
        _functions = new Restarted<FunctionsProcess>(
            options, transport => new FunctionsProcess(connectionString, transport, options.IsRetried, _time));
        var client = new CutOffClient(_functions, apiKey, options.IsTwice, () => _time.Advance(TimeSpan.FromMinutes(1)));

        await BatchAsync(client);
        await AnswerAsync(client);
        await UploadAsync(client);
        await _functions.WakeAsync();
        await IdleAsync();      // what a process that wakes up late has left
        await client.RepeatAllAsync();
        await new RequestTrialCheck(_storage, _time, _functions.Fault).RunAsync(client.NumRequests);
        return _functions.FirstTransport.Calls;
    }

    public ValueTask DisposeAsync() => _functions?.DisposeAsync() ?? ValueTask.CompletedTask;

    public static string Line(int number) => new JsonObject
    {
        ["custom_id"] = $"{number}", ["method"] = "POST", ["url"] = BatchEndpoint.Infill,
        ["body"] = new JsonObject { ["model"] = Model, ["text"] = "the [MASK:2] fox" },
    }.ToJsonString() + "\n";

    private async Task BatchAsync(CutOffClient client)
    {
        string lines = string.Concat(Enumerable.Range(1, NumLines).Select(Line));
        var file = await client.PostAsync("/v1/files", () => new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" }, { new ByteArrayContent(Encoding.UTF8.GetBytes(lines)), "file", "input.jsonl" },
        });
        var request = new { input_file_id = Id(file), endpoint = BatchEndpoint.Infill, completion_window = "24h" };
        var batch = await client.PostAsync("/v1/batches", request);
        await RunToEndAsync(Id(batch), line => line == FailedLine);
        var retry = await client.PostAsync($"/v1/batches/{Id(batch)}/retry", new { });
        await RunToEndAsync(Id(retry), _ => false);
    }

    private async Task AnswerAsync(CutOffClient client)
    {
        var request = new { model = Model, text = "the [MASK:2] fox" };
        var accepted = await client.PostAsync(BatchEndpoint.Infill, request, ("Prefer", "respond-async, wait=0"));
        var key = new JobKey(Tenant, AnswerKey.Parse(Id(accepted))!);
        var blobs = new BatchBlobs(_storage, key);
        var plan = (await blobs.FindPlanAsync(CancellationToken.None))!;
        var line = (await blobs.Shards.ReadAsync(plan.PlanId, shard: 0, CancellationToken.None)).Single();
        await blobs.Parts.WriteAsync(
            shard: 0, [OutputLines.Answered(line, new { Text = "a" })], new PartCounts(1, 0, 10, 2), CancellationToken.None);
        await client.RepeatAsync(last => last["object"]?.GetValue<string>() != "answer");
    }

    private static async Task UploadAsync(CutOffClient client)
    {
        async Task<string> BeginAsync()
        {
            int size = Parts.Sum(part => part.Length);
            var request = new { purpose = "fine-tune", filename = "train.jsonl", mime_type = "text/jsonl", bytes = size };
            return $"/v1/uploads/{Id(await client.PostAsync("/v1/uploads", request))}";
        }

        static MultipartFormDataContent Form() => new() { { new ByteArrayContent(Encoding.UTF8.GetBytes(Parts[0])), "data", "part" } };

        string given = await BeginAsync();
        await client.PostAsync($"{given}/parts", Form);
        await client.PostAsync($"{given}/cancel", new { });

        string upload = await BeginAsync();
        var first = await client.PostAsync($"{upload}/parts", Form);
        var second = await client.PostAsync($"{upload}/parts", new { bytes = Parts[1].Length });
        using var bytes = new ByteArrayContent(Encoding.UTF8.GetBytes(Parts[1]));
        (await s_http.PutAsync(second["upload_url"]!.GetValue<string>(), bytes)).EnsureSuccessStatusCode();
        await client.PostAsync($"{upload}/complete", new { part_ids = new[] { Id(first), Id(second) } });
    }

    /// <summary>Takes a batch to its end: its messages, the parts of a worker that never fails, and the sweep for lost messages.</summary>
    private async Task RunToEndAsync(string id, Func<int, bool> isFailed)
    {
        var batches = new BatchStore(_storage, _time);
        for (int round = 0; ; round++)
        {
            var batch = (await batches.FindAsync(Tenant, id, CancellationToken.None))!;
            if (batch.IsTerminal && await batches.Open.FindAsync(batch.Key, CancellationToken.None) is null)
                return;
            if (round == MaxRounds)
                throw new TrialException($"The batch is still {batch.Status} {_functions!.Fault}");
            bool any = await TakeAsync<PlanMessage>(StorageNames.PlanQueue, process => process.Plan.RunAsync);
            await WorkAsync(batch, isFailed);
            any |= await TakeAsync<FinishMessage>(StorageNames.FinishQueue, process => process.Finish.RunAsync);
            if (!any)
                await IdleAsync();
        }
    }

    private async Task IdleAsync()
    {
        _time.Advance(s_idleTime);
        await _functions!.TryAsync("sweep", process => process.Sweep.RunAsync(process.Transport.Stopping));
        await _functions.TryAsync("sweep of answers", process => process.AnswerSweep.RunAsync(process.Transport.Stopping));
    }

    private async Task WorkAsync(BatchRecord batch, Func<int, bool> isFailed)
    {
        var blobs = new BatchBlobs(_storage, batch);
        if (await blobs.FindPlanAsync(CancellationToken.None) is not { } plan)
            return;
        foreach (int shard in Enumerable.Range(0, plan.Shards.Count))
        {
            var lines = await blobs.Shards.ReadAsync(plan.PlanId, shard, CancellationToken.None);
            int failed = lines.Count(line => isFailed(line.Line));
            var counts = new PartCounts(lines.Count - failed, failed, 10 * lines.Count, 2 * lines.Count);
            var answers = lines.Select(line => isFailed(line.Line)
                ? OutputLines.NotRun(line, NotRunReason.Failed)
                : OutputLines.Answered(line, new { Text = "a" }));
            if (await blobs.Parts.WriteAsync(shard, answers, counts, CancellationToken.None))
                await new WorkQueues(_storage).SendFinishAsync(batch.Key, TimeSpan.Zero, CancellationToken.None);
        }
    }

    /// <returns>Whether a message was worked off.</returns>
    private async Task<bool> TakeAsync<T>(string name, Func<FunctionsProcess, Func<T, CancellationToken, Task>> handler)
    {
        var queue = _storage.Queue(name);
        if ((await queue.ReceiveMessageAsync(TimeSpan.FromMinutes(5))).Value is not { } message)
            return false;
        var content = message.Body.ToObjectFromJson<T>(WireJson.Options)!;
        bool isDone = await _functions!.TryAsync(name, process => handler(process)(content, process.Transport.Stopping));
        if (isDone)
            await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
        else
            await queue.UpdateMessageAsync(message.MessageId, message.PopReceipt, visibilityTimeout: TimeSpan.Zero);
        return isDone;
    }

    private static string Id(JsonNode made) => made["id"]!.GetValue<string>();
}
