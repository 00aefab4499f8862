using Azure.Data.Tables;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Monitoring;

/// <summary>What <c>/readyz</c> says.</summary>
public sealed record ReadinessObject(string Status, StorageReadiness Storage)
{
    public static ReadinessObject Of(StorageReadiness storage) => new(storage is { Blobs: true, Queues: true, Tables: true } ? "ready" : "not_ready", storage);

    public bool IsReady() => Status == "ready";
}

/// <summary>Which services of the storage account answer.</summary>
public sealed record StorageReadiness(bool Blobs, bool Queues, bool Tables);

/// <summary>Asks whether requests can be served: whether all services of the storage account answer in time. Nobody needs a key to ask, so an answer is kept for a moment.</summary>
internal sealed class Readiness(StorageAccount storage, TimeProvider time)
{
    /// <summary>How long storage may take; asking takes no longer.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private Task<ReadinessObject>? _answer;
    private long _answered;

    public Task<ReadinessObject> AskAsync()
    {
        lock (_lock)
        {
            if (_answer is null || (_answer.IsCompleted && time.GetElapsedTime(Volatile.Read(ref _answered)) > Kept))
                _answer = AskStorageAsync();
            return _answer;
        }
    }

    private async Task<ReadinessObject> AskStorageAsync()
    {
        bool[] answers = await Task.WhenAll(
            AnswersAsync(cancellation => storage.Container(StorageNames.FilesContainer).GetPropertiesAsync(cancellationToken: cancellation)),
            AnswersAsync(cancellation => storage.Queue(StorageNames.PlanQueue).GetPropertiesAsync(cancellation)),
            AnswersAsync(cancellation => storage.Table(StorageNames.BatchesTable).GetEntityIfExistsAsync<TableEntity>("readyz", "readyz", cancellationToken: cancellation)));
        Volatile.Write(ref _answered, time.GetTimestamp());
        return ReadinessObject.Of(new StorageReadiness(answers[0], answers[1], answers[2]));
    }

    private async Task<bool> AnswersAsync(Func<CancellationToken, Task> ask)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        try
        {
            await ask(limit.Token).WaitAsync(limit.Token);
            return true;
        }
        catch (Exception)
        {
            return false;   // whatever it is, requests would meet it as well
        }
    }
}
