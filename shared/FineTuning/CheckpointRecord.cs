using System.Globalization;
using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>A published checkpoint of a job, which is a model that batches can name.</summary>
public sealed class CheckpointRecord : TableRow
{
    public const string IdPrefix = "ftckpt_";
    private const int StepDigits = 8;

    /// <summary>Steps done.</summary>
    public int Step { get; set; }

    /// <summary>The run that wrote it.</summary>
    [DataMember(Name = "Epoch")]
    public int RunNumber { get; set; }

    public string Model { get; set; } = "";

    /// <summary>Of the step, in nats per token.</summary>
    public double TrainLoss { get; set; }

    /// <summary>The bound on the validation file, in nats per token; null without one.</summary>
    public double? ValidLoss { get; set; }

    /// <summary>What the method measured besides, a JSON object of numbers; null where nothing.</summary>
    public string? Measures { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    [IgnoreDataMember]
    public string Id => IdPrefix + PartitionKey[(PartitionKey.IndexOf('|', StringComparison.Ordinal) + 1)..] + RowKey;

    public static string Partition(FineTuningJobRecord job) => $"{job.Tenant}|{job.RowKey}";

    /// <summary>The later, the lower: listings are newest first.</summary>
    public static string Key(int step) => (uint.MaxValue - (uint)step).ToString("x8", CultureInfo.InvariantCulture);

    /// <returns>Null when the job can have no checkpoint of this id.</returns>
    public static string? ParseId(FineTuningJobRecord job, string id)
    {
        string prefix = IdPrefix + job.RowKey;
        string key = id.StartsWith(prefix, StringComparison.Ordinal) ? id[prefix.Length..] : "";
        return key.Length == StepDigits && key.All(char.IsAsciiHexDigitLower) ? key : null;
    }
}
