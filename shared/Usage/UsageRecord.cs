using System.Globalization;
using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Usage;

/// <summary>
/// What an ended batch, or an answer at once, has used. The key is the time of its end and the key of the batch, both of which never
/// change, so that counting it again writes the same row.
/// </summary>
public sealed class UsageRecord : TableRow
{
    private const string TimeFormat = "yyyyMMddHHmmss";

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    /// <summary>When the batch ended, in whole seconds.</summary>
    [IgnoreDataMember]
    public DateTimeOffset EndedAt => DateTimeOffset.ParseExact(
        RowKey[..TimeFormat.Length], TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    public string Model { get; set; } = "";

    public string Endpoint { get; set; } = "";

    public int CompletedLines { get; set; }

    public int FailedLines { get; set; }

    public long PromptTokens { get; set; }

    public long CompletionTokens { get; set; }

    /// <param name="batch">In a terminal state.</param>
    public static UsageRecord Of(BatchRecord batch) => new()
    {
        PartitionKey = batch.Tenant,
        RowKey = $"{Bound(batch.EndedAt!.Value)}|{batch.RowKey}",
        Model = batch.Model ?? "",
        Endpoint = batch.Endpoint,
        CompletedLines = batch.CompletedLines,
        FailedLines = batch.FailedLines,
        PromptTokens = batch.PromptTokens,
        CompletionTokens = batch.CompletionTokens,
    };

    /// <summary>Sorts before the keys of all batches that ended at a time or later.</summary>
    public static string Bound(DateTimeOffset time) => time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);
}
