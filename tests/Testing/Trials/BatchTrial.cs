using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Testing;

/// <summary>
/// Takes a batch from its creation to its end through the real planning, generation, finishing and sweeping, with one fault in between,
/// and then looks whether every line is there exactly once, nothing told was taken back, and nothing is left to do. Time is advanced by
/// the trial, so nothing waits.
/// </summary>
/// <param name="connectionString">An empty storage account.</param>
/// <param name="models">Has the model that is named.</param>
internal sealed class BatchTrial(string connectionString, ModelHost models, string model, TrialOptions options) : IAsyncDisposable
{
    private const int NumLines = 14, MaxIdleRounds = 30;
    private static readonly TimeSpan s_idleTime = TimeSpan.FromMinutes(3);

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly StorageAccount _storage = new(new StorageOptions { ConnectionString = connectionString });
    private readonly List<string> _told = [];
    private Restarted<TrialProcess>? _processes;
    private long _sampledBefore;

    /// <summary>What was under way when the fault happened: the name of a queue, or "sweep"; null when it did not.</summary>
    public string? HitIn { get; private set; }

    /// <param name="planned">What happens once the batch is planned and its shards wait, before any of them is taken.</param>
    /// <returns>Calls to storage that the processes made.</returns>
    /// <exception cref="TrialException">Something that must hold did not.</exception>
    public async Task<int> RunAsync(Func<BatchRecord, Task>? planned = null)
    {
        var batch = await CreateAsync();
        if (planned is not null)
        {
            await using var process = NewProcess(new FaultyTransport(Fault.None, 0));
            await process.Plan.RunAsync(new PlanMessage(batch.Tenant, batch.RowKey), CancellationToken.None);
            await planned(batch);
        }
        _sampledBefore = await NumSampledAsync();
        _processes = new(options, NewProcess);
        await RunToEndAsync(batch);
        await _processes.WakeAsync();
        await RunToEndAsync(batch);     // what a process that wakes up late has left
        HitIn = _processes.HitIn;
        await CheckAsync(batch);
        return _processes.FirstTransport.Calls;
    }

    public ValueTask DisposeAsync() => _processes?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task RunToEndAsync(BatchRecord batch)
    {
        for (int idle = 0; !await IsDoneAsync(batch);)
        {
            if (await TakeMessagesAsync(batch))
                continue;
            if (++idle > MaxIdleRounds)
                throw Failure($"the batch is still {(await FindAsync(batch)).Status}");
            _time.Advance(s_idleTime);
            await BreakLeasesAsync(batch);
            await _processes!.TryAsync("sweep", process => process.Sweep.RunAsync(process.Stopping));
        }
    }

    private TrialProcess NewProcess(FaultyTransport transport) =>
        new(connectionString, transport, options.IsRetried, models, _time);

    private async Task<BatchRecord> CreateAsync()
    {
        await _storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        await new ModelCatalog(_storage).RegisterAsync(
            new ModelRecord { PartitionKey = ModelRecord.EveryTenant, Id = model, ContextLength = 64, TokenForwardsPerSecond = 1 },
                CancellationToken.None);
        var files = new FileStore(_storage, _time);
        string key = files.NewKey();
        await using (var writer = files.Write("tenant", key, CancellationToken.None))
        {
            foreach (int line in Enumerable.Range(1, NumLines))
            {
                var request = new JsonObject
                    { ["custom_id"] = $"{line}", ["method"] = "POST", ["url"] = "/v1/infill",
                    ["body"] = new JsonObject { ["model"] = model, ["text"] = "the [MASK:2] fox" } };
                await writer.Content.WriteAsync(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"));
            }
            await writer.CompleteAsync();
        }
        var input = await files.AddAsync("tenant", key, "input.jsonl", FilePurpose.Batch, expiresAt: null, CancellationToken.None);
        var batch = new BatchRecord
            { PartitionKey = "tenant", Endpoint = "/v1/infill", InputFileId = input.Id,
            CompletionWindow = "24h", ExpiresAt = _time.GetUtcNow().AddDays(1) };
        await new BatchStore(_storage, _time).AddAsync(batch, input.Bytes, CancellationToken.None);
        await new WorkQueues(_storage).SendPlanAsync(batch.Key, CancellationToken.None);
        return batch;
    }

    /// <returns>False when there were none, or none could be done: time has to pass.</returns>
    private async Task<bool> TakeMessagesAsync(BatchRecord batch)
    {
        bool any = await TakeAsync<PlanMessage>(StorageNames.PlanQueue, process => process.Plan.RunAsync);
        if (options.IsCancelled)
            await CancelAsync(batch);
        any |= await TakeAsync<ShardMessage>(StorageNames.GenerateQueue(StorageNames.DefaultProfile), process => process.Shards.RunAsync);
        any |= await TakeAsync<FinishMessage>(StorageNames.FinishQueue, process => process.Finish.RunAsync);
        await TellAsync(batch);
        return any;
    }

    private async Task<bool> TakeAsync<T>(string queueName, Func<TrialProcess, Func<T, CancellationToken, Task>> handler)
    {
        var queue = _storage.Queue(queueName);
        List<Azure.Storage.Queues.Models.QueueMessage> failed = [];
        bool any = false;
        while ((await queue.ReceiveMessagesAsync(options.HasTwoWorkers ? 2 : 1, TimeSpan.FromMinutes(5))).Value is { Length: > 0 } messages)
        {
            bool wasStalled = _processes!.HasStalled;
            bool[] areDone = await Task.WhenAll(messages.Select((message, index) => DeliverAsync(
                queueName, message.Body.ToObjectFromJson<T>(WireJson.Options)!, handler,
                index == 0 ? _processes.Current : _processes.Other)));
            if (wasStalled && options.Fault == Fault.StallBriefly)
                await _processes.WakeAsync();
            foreach (var (message, isDone) in messages.Zip(areDone))
            {
                any |= isDone;
                if (isDone)
                    await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
                else
                    failed.Add(message);
            }
        }
        foreach (var message in failed)
            await queue.UpdateMessageAsync(message.MessageId, message.PopReceipt, visibilityTimeout: TimeSpan.Zero);
        return any;
    }

    /// <returns>Whether one of those who were given the message has done what it asks.</returns>
    private async Task<bool> DeliverAsync<T>(
        string queueName, T content, Func<TrialProcess, Func<T, CancellationToken, Task>> handler, TrialProcess process)
    {
        Task<bool> Run(TrialProcess process) => _processes!.TryAsync(queueName, process, taker => handler(taker)(content, taker.Stopping));
        bool[] areDone = options.IsTwice ? await Task.WhenAll(Run(process), Run(_processes!.Other)) : [await Run(process)];
        return areDone.Contains(true);
    }

    private async Task CancelAsync(BatchRecord batch) => await new BatchStore(_storage, _time).UpdateAsync(
        batch, current => current.TryCancel(_time.GetUtcNow()), CancellationToken.None);

    /// <summary>What a client that asks now is told.</summary>
    private async Task TellAsync(BatchRecord batch)
    {
        var now = await FindAsync(batch);
        string told = $"{now.Status} {now.CompletedLines} {now.FailedLines} {now.OutputFileId} {now.ErrorFileId}";
        if (_told.LastOrDefault() != told)
            _told.Add(told);
    }

    private async Task<bool> IsDoneAsync(BatchRecord batch) =>
        (await FindAsync(batch)).IsTerminal
            && await new BatchStore(_storage, _time).Open.FindAsync(batch.Key, CancellationToken.None) is null;

    private async Task CheckAsync(BatchRecord batch)
    {
        var ended = await FindAsync(batch);
        string told = _told[^1];
        await _processes!.TryAsync("plan", process => process.Plan.RunAsync(new(batch.Tenant, batch.RowKey), CancellationToken.None));
        await _processes.TryAsync("finish", process => process.Finish.RunAsync(new(batch.Tenant, batch.RowKey), CancellationToken.None));
        await TellAsync(batch);
        if (_told[^1] != told)
            throw Failure($"{told} became {_told[^1]}");
        if (_told.Count(state => state.StartsWith(ended.Status.ToString(), StringComparison.Ordinal)) != 1)
            throw Failure($"a client was told {string.Join(", then ", _told)}");
        if (ended.Status == BatchStatus.Failed && options.Fault == Fault.NotFound
            && ended.Errors!.Contains("not_found", StringComparison.Ordinal))
            return;     // storage said that the input or the model is not there, and was believed
        if (ended.Status != (options.IsCancelled ? BatchStatus.Cancelled : BatchStatus.Completed))
            throw Failure($"the batch is {ended.Status}: {ended.Errors}");
        int[] output = await LinesAsync(ended.OutputFileId), errors = await LinesAsync(ended.ErrorFileId);
        if (!output.Concat(errors).Order()
            .SequenceEqual(options.IsCancelled && output.Length + errors.Length == 0 ? [] : Enumerable.Range(1, NumLines)))
            throw Failure($"lines are missing or doubled: {string.Join(' ', output)} and {string.Join(' ', errors)}");
        if (!options.IsCancelled && errors.Length > 0)
            throw Failure($"lines failed: {string.Join(' ', errors)}");
        if ((output.Length, errors.Length) != (ended.CompletedLines, ended.FailedLines))
            throw Failure(
                $"{output.Length} and {errors.Length} lines, but counts of {ended.CompletedLines} and {ended.FailedLines}");
        var usage = await TrialUsage.ListAsync(_storage);
        if (usage.Sum(row => row.CompletedLines) != output.Length || usage.Sum(row => row.FailedLines) != errors.Length)
            throw Failure($"{usage.Count} rows of usage, with {usage.Sum(row => row.CompletedLines)} lines");
        if (!output.SequenceEqual(output.Order()))
            throw Failure("the output is not in the order of the input");
        bool isComputedOnce = options is { Fault: Fault.Drain, IsTwice: false, IsCancelled: false };
        if (isComputedOnce && await NumSampledAsync() - _sampledBefore is var computed && computed != NumLines)
            throw Failure($"{computed} lines were computed");
    }

    /// <summary>Lines that the model has computed, one row each.</summary>
    private async Task<long> NumSampledAsync()
    {
        if (options.Fault != Fault.Drain)
            return 0;
        using var lease = await new ModelResolver(new ModelCatalog(_storage), models)
            .AcquireAsync("tenant", model, isExclusive: false, CancellationToken.None);
        return lease.Model.NumSampled;
    }

    private async Task<int[]> LinesAsync(string? fileId)
    {
        if (fileId is null)
            return [];
        var files = new FileStore(_storage, _time);
        await using var content = await files.OpenReadAsync(
            (await files.FindAsync("tenant", fileId, CancellationToken.None))!, CancellationToken.None);
        using var reader = new StreamReader(content);
        return [.. (await reader.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => int.Parse(JsonNode.Parse(line)!["custom_id"]!.GetValue<string>()))];
    }

    private async Task<BatchRecord> FindAsync(BatchRecord batch) =>
        (await new BatchStore(_storage, _time).Records.FindAsync(batch.Tenant, batch.RowKey, CancellationToken.None))!;

    /// <summary>A lease that nobody gave back has run out by now.</summary>
    private async Task BreakLeasesAsync(BatchRecord batch)
    {
        var blobs = new BatchBlobs(_storage, batch);
        if (await blobs.FindPlanAsync(CancellationToken.None) is not { } plan)
            return;
        foreach (int shard in Enumerable.Range(0, plan.Shards.Count))
        {
            if (await blobs.Shards.IsLeasedAsync(plan.PlanId, shard, CancellationToken.None))
                await blobs.Shards.LeaseOf(plan.PlanId, shard).BreakAsync(TimeSpan.Zero);
        }
    }

    private TrialException Failure(string what) => new($"{what} {_processes!.Fault}; told: {string.Join(", ", _told)}");
}
