using System.Globalization;
using Azure;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>What can happen to a job, in the order in which it happens at one step of one run. The numbers are in keys of rows.</summary>
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
}

/// <summary>Something that happened to a job. Its key derives from what it tells, so that told twice it is there once.</summary>
public sealed class FineTuningEventRecord : TableRow
{
    public const string IdPrefix = "ftevent-";

    public string Level { get; set; } = "info";

    public string Message { get; set; } = "";

    /// <summary>A JSON object of numbers for metrics; null for a message.</summary>
    public string? Data { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>The events of jobs.</summary>
public sealed class FineTuningEvents(StorageAccount storage, TimeProvider time)
{
    private const int StepDigits = 8, RunDigits = 4, KindDigits = 1;

    public TableOf<FineTuningEventRecord> Records { get; } = new(storage.Table(StorageNames.EventsTable));

    /// <param name="run">The run that it belongs to; 0 where every run tells the same.</param>
    /// <param name="data">A JSON object.</param>
    public async Task AddAsync(
        FineTuningJobRecord job, int step, int run, FineTuningEventKind kind, string message, CancellationToken cancellation, string level = "info", string? data = null)
    {
        try
        {
            await Records.AddAsync(
                new FineTuningEventRecord { PartitionKey = Partition(job), RowKey = Key(step, run, kind), Level = level, Message = message, Data = data, CreatedAt = time.GetUtcNow() }, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            // It was told before.
        }
    }

    public static string Partition(FineTuningJobRecord job) => $"{job.Tenant}|{job.RowKey}";

    public static string Id(FineTuningJobRecord job, FineTuningEventRecord entry) => FineTuningEventRecord.IdPrefix + job.RowKey + entry.RowKey;

    /// <returns>Null when the job can have no event of this id.</returns>
    public static string? ParseId(FineTuningJobRecord job, string id)
    {
        string prefix = FineTuningEventRecord.IdPrefix + job.RowKey;
        string key = id.StartsWith(prefix, StringComparison.Ordinal) ? id[prefix.Length..] : "";
        return key.Length == StepDigits + RunDigits + KindDigits && key.All(char.IsAsciiHexDigitLower) ? key : null;
    }

    /// <summary>The later, the lower: listings are newest first.</summary>
    private static string Key(int step, int run, FineTuningEventKind kind) => string.Create(
        CultureInfo.InvariantCulture, $"{uint.MaxValue - (uint)step:x8}{ushort.MaxValue - Math.Min(run, ushort.MaxValue):x4}{0xf - (int)kind:x1}");
}
