using System.Text.Json;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Testing;

/// <summary>
/// Takes an answer at once from its request to its end, with one fault in between: a client that is cut off asks again with its key until
/// one request came through, and from there on the worker and the sweep must do. Then looks whether there is one record with one answer
/// that never changed, and nothing left to do.
/// </summary>
/// <param name="connectionString">An empty storage account.</param>
/// <param name="models">Has the model that is named.</param>
internal sealed class AnswerTrial(string connectionString, ModelHost models, string model, TrialOptions options) : IAsyncDisposable
{
    private const int MaxRounds = 60;
    private static readonly TimeSpan s_idleTime = TimeSpan.FromMinutes(1);

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly StorageAccount _storage = new(new StorageOptions { ConnectionString = connectionString });
    private Restarted<TrialProcess>? _processes;
    private string? _told;

    /// <summary>What was under way when the fault happened; null when it did not.</summary>
    public string? HitIn => _processes?.HitIn;

    /// <returns>Calls to storage that the processes made.</returns>
    /// <exception cref="TrialException">Something that must hold did not.</exception>
    public async Task<int> RunAsync()
    {
        await _storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        var known = new ModelRecord { PartitionKey = ModelRecord.EveryTenant, Id = model, ContextLength = 64, TokenForwardsPerSecond = 1 };
        await new ModelCatalog(_storage).RegisterAsync(known, CancellationToken.None);
        var body = JsonBody.Read(JsonSerializer.SerializeToElement(new { model, text = "the [MASK:2] fox" }));
        var request = await AnswerRequest.ReadAsync(BatchEndpoint.Infill, body, _ => Task.FromResult<ModelRecord?>(known));
        string key = SortableKey.Create(_time);
        _processes = new(options, transport => new TrialProcess(connectionString, transport, options.IsRetried, models, _time));

        await RunToEndAsync(key, request);
        await _processes.WakeAsync();
        await RunToEndAsync(key, request);      // what a process that wakes up late has left
        await CheckAsync(key);
        return _processes.FirstTransport.Calls;
    }

    public ValueTask DisposeAsync() => _processes?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task RunToEndAsync(string key, AnswerRequest request)
    {
        bool isAsked = false;
        for (int round = 0; !await IsDoneAsync(key); round++)
        {
            if (round == MaxRounds)
                throw Failure($"the answer is still {(await FindAsync(key))?.Status.ToString() ?? "not begun"}");
            isAsked = isAsked || await TryAsync("ask", process => process.Answers.RunAsync("tenant", key, request, process.Stopping));
            bool any = await TakeAsync();
            await TryAsync("deliver", process => DeliverAsync(process, key));
            if (any)
                continue;
            _time.Advance(s_idleTime);
            await BreakLeaseAsync(key);
            await TryAsync("sweep", process => process.AnswerSweep.RunAsync(process.Stopping));
        }
    }

    /// <returns>Whether a message was worked off.</returns>
    private async Task<bool> TakeAsync()
    {
        var queue = _storage.Queue(StorageNames.NowQueue(StorageNames.DefaultProfile));
        if ((await queue.ReceiveMessageAsync(TimeSpan.FromMinutes(5))).Value is not { } message)
            return false;
        var shard = MessageReader.TryRead<ShardMessage>(message.Body.ToString())!;
        Task<bool> Run() => TryAsync("answer", process => process.Shards.RunAsync(shard, process.Stopping));
        bool isDone = options.IsTwice ? (await Task.WhenAll(Run(), Run())).Contains(true) : await Run();
        if (isDone)
            await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
        else
            await queue.UpdateMessageAsync(message.MessageId, message.PopReceipt, visibilityTimeout: TimeSpan.Zero);
        return isDone;
    }

    /// <summary>The request that waits: tells its client the answer, and ends the record.</summary>
    private async Task DeliverAsync(TrialProcess process, string key)
    {
        if (await FindAsync(key) is not { } answer || await process.AnswerWait.FindAsync(answer, process.Stopping) is not { } part)
            return;
        if (_told is not null && _told != part.Line.Json)
            throw new TrialException($"a client was told {_told}, then {part.Line.Json}");
        _told = part.Line.Json;
        if (!answer.IsTerminal)
            await process.AnswerEnding.RunAsync(answer, part.Counts, process.Stopping);
    }

    private Task<bool> TryAsync(string what, Func<TrialProcess, Task> work) => _processes!.TryAsync(what, work);

    private async Task<bool> IsDoneAsync(string key) =>
        await FindAsync(key) is { IsTerminal: true } answer
        && await new BatchStore(_storage, _time).OpenAnswers.FindAsync(answer.Key, CancellationToken.None) is null;

    private async Task CheckAsync(string key)
    {
        var records = await new BatchStore(_storage, _time).Records.ScanAsync("", CancellationToken.None).ToListAsync();
        var answer = await FindAsync(key);
        if (records.Count != 1 || answer is not { Status: BatchStatus.Completed, CompletedLines: 1, FailedLines: 0 })
            throw Failure($"{records.Count} records, and the answer is {answer?.Status} with {answer?.FailedLines} failures");
        var lines = await new BatchBlobs(_storage, answer).Parts.ReadAsync(0, CancellationToken.None);
        if (lines is not [{ IsError: false }])
            throw Failure($"{lines.Count} lines");
        var usage = await TrialUsage.ListAsync(_storage);
        if (usage is not [{ CompletedLines: 1, FailedLines: 0 }])
            throw Failure($"{usage.Count} rows of usage");
        await DeliverAsync(_processes!.Other, key);
    }

    private Task<BatchRecord?> FindAsync(string key) =>
        new BatchStore(_storage, _time).FindAsync(new JobKey("tenant", AnswerKey.Of(key)), CancellationToken.None);

    /// <summary>A lease that was not given back has run out by now.</summary>
    private async Task BreakLeaseAsync(string key)
    {
        var blobs = new BatchBlobs(_storage, new JobKey("tenant", AnswerKey.Of(key)));
        if (await blobs.FindPlanAsync(CancellationToken.None) is { } plan
            && await blobs.Shards.IsLeasedAsync(plan.PlanId, shard: 0, CancellationToken.None))
            await blobs.Shards.LeaseOf(plan.PlanId, shard: 0).BreakAsync(TimeSpan.Zero);
    }

    private TrialException Failure(string what) => new($"{what} {_processes!.Fault}");
}
