using System.Globalization;
using Azure;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>The kinds of events, in the order in which they happen at one step of one run. Their numbers are in keys of rows.</summary>
public enum FineTuningEventKind
{
    Created,
    Gathered,
    Validated,
    Started,
    Metrics,
    Checkpoint,
    Paused,
    Resumed,
    Ended,

    /// <summary>A count of the examples that are longer than the model's context.</summary>
    LongExamples,

    /// <summary>Storage has lost the checkpoint from which a run was to resume.</summary>
    LostCheckpoint,
}

/// <summary>An event of a job.</summary>
public sealed record FineTuningEvent(FineTuningEventKind Kind, string Message)
{
    /// <summary>The step of the training; 0 before it.</summary>
    public int Step { get; init; }

    /// <summary>The run of the event; 0 where every run reports the same.</summary>
    public int Run { get; init; }

    public string Level { get; init; } = "info";

    /// <summary>A JSON object of numbers for metrics; null for a message.</summary>
    public string? Data { get; init; }
}

/// <summary>The events of jobs.</summary>
public sealed class FineTuningEvents(StorageAccount storage, TimeProvider time)
{
    private const int StepDigits = 8, RunDigits = 4, KindDigits = 1;

    public TableOf<FineTuningEventRecord> Records { get; } = new(storage.Table(StorageNames.EventsTable));

    /// <summary>Adds an event. Idempotent by step, run and kind.</summary>
    public async Task AddAsync(FineTuningJobRecord job, FineTuningEvent entry, CancellationToken cancellation)
    {
        var record = new FineTuningEventRecord
        {
            PartitionKey = Partition(job),
            RowKey = Key(entry),
            Level = entry.Level,
            Message = entry.Message,
            Data = entry.Data,
            CreatedAt = time.GetUtcNow(),
        };
        try
        {
            await Records.AddAsync(record, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            // It was added before.
        }
    }

    public static string Partition(FineTuningJobRecord job) => $"{job.Tenant}|{job.RowKey}";

    public static string Id(FineTuningJobRecord job, FineTuningEventRecord entry) =>
        FineTuningEventRecord.IdPrefix + job.RowKey + entry.RowKey;

    /// <returns>Null when the job can have no event of this id.</returns>
    public static string? ParseId(FineTuningJobRecord job, string id)
    {
        string prefix = FineTuningEventRecord.IdPrefix + job.RowKey;
        string key = id.StartsWith(prefix, StringComparison.Ordinal) ? id[prefix.Length..] : "";
        return key.Length == StepDigits + RunDigits + KindDigits && key.All(char.IsAsciiHexDigitLower) ? key : null;
    }

    /// <summary>The later, the lower: listings are newest first.</summary>
    private static string Key(FineTuningEvent entry) => string.Create(
        CultureInfo.InvariantCulture,
        $"{uint.MaxValue - (uint)entry.Step:x8}{ushort.MaxValue - Math.Min(entry.Run, ushort.MaxValue):x4}{0xf - (int)entry.Kind:x1}");
}
