using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>A stored event of a job. Its key derives from the event, so that an event that is added twice exists once.</summary>
public sealed class FineTuningEventRecord : TableRow
{
    public const string IdPrefix = "ftevent-";

    public string Level { get; set; } = "info";

    public string Message { get; set; } = "";

    /// <summary>A JSON object of numbers for metrics; null for a message.</summary>
    public string? Data { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}
