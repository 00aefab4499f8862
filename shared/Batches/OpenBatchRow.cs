using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>
/// A batch with something left to do, and how much of it has been handed out: written before the batch, deleted when it is terminal and everybody who waits for
/// that has been told.
/// </summary>
public sealed class OpenBatchRow : TableRow
{
    /// <summary>All rows share one partition: a sweep reads them in one query.</summary>
    public const string Partition = "batch";

    public string Tenant { get; set; } = "";

    /// <summary>Bytes of its input, which count towards the tenant's quota; 0 for a folder of documents until it is planned.</summary>
    public long InputBytes { get; set; }

    /// <summary>The hardware that runs its shards; null until it is planned.</summary>
    public string? Profile { get; set; }

    /// <summary>The planning that won.</summary>
    [DataMember(Name = "Attempt")]
    public string? PlanId { get; set; }

    public int NumShards { get; set; }

    /// <summary>Shards that were put on the queue: those with the lowest numbers.</summary>
    public int NumReleased { get; set; }

    /// <summary>When the last shard was put on the queue.</summary>
    public DateTimeOffset? ReleasedAt { get; set; }

    [IgnoreDataMember]
    public string BatchKey => RowKey[(RowKey.IndexOf('|', StringComparison.Ordinal) + 1)..];

    public static string Prefix(string tenant) => $"{tenant}|";

    public static string Key(string tenant, string batchKey) => Prefix(tenant) + batchKey;
}
