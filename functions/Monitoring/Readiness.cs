using Azure.Data.Tables;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Monitoring;

/// <summary>The answer of <c>/readyz</c>.</summary>
public sealed record ReadinessObject(string Status, StorageReadiness Storage)
{
    public static ReadinessObject Of(StorageReadiness storage)
    {
        bool isReady = storage is { Blobs: true, Queues: true, Tables: true };
        return new ReadinessObject(isReady ? "ready" : "not_ready", storage);
    }

    public bool IsReady() => Status == "ready";
}

/// <summary>Which services of the storage account answer.</summary>
public sealed record StorageReadiness
{
    public required bool Blobs { get; init; }

    public required bool Queues { get; init; }

    public required bool Tables { get; init; }
}

/// <summary>
/// Checks whether requests can be served: whether all services of the storage account answer in time. The endpoint needs no key, so an
/// answer is kept for a moment.
/// </summary>
internal sealed class Readiness
{
    /// <summary>The longest time of a check; slower services count as silent.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromSeconds(2);

    private readonly StorageAccount _storage;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private Task<ReadinessObject>? _answer;
    private long _answered;

    public Readiness(StorageAccount storage, TimeProvider time) => (_storage, _time) = (storage, time);

    public Task<ReadinessObject> AskAsync()
    {
        lock (_lock)
        {
            if (_answer is null || (_answer.IsCompleted && _time.GetElapsedTime(Volatile.Read(ref _answered)) > Kept))
                _answer = AskStorageAsync();
            return _answer;
        }
    }

    private async Task<ReadinessObject> AskStorageAsync()
    {
        bool[] answers = await Task.WhenAll(
            AnswersAsync(cancellation => _storage.Container(StorageNames.FilesContainer)
                .GetPropertiesAsync(cancellationToken: cancellation)),
            AnswersAsync(cancellation => _storage.Queue(StorageNames.PlanQueue).GetPropertiesAsync(cancellation)),
            AnswersAsync(cancellation => _storage.Table(StorageNames.BatchesTable)
                .GetEntityIfExistsAsync<TableEntity>("readyz", "readyz", cancellationToken: cancellation)));
        Volatile.Write(ref _answered, _time.GetTimestamp());
        return ReadinessObject.Of(new StorageReadiness { Blobs = answers[0], Queues = answers[1], Tables = answers[2] });
    }

    private async Task<bool> AnswersAsync(Func<CancellationToken, Task> ask)
    {
        using var limit = new CancellationTokenSource(Limit, _time);
        try
        {
            await ask(limit.Token).WaitAsync(limit.Token);
            return true;
        }
        catch (Exception)
        {
            return false;   // requests would meet the same failure
        }
    }
}
