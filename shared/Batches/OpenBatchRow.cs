using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>A batch that has something left to do, and how many of its shards have been dispatched.</summary>
public sealed class OpenBatchRow : OpenRow
{
    public const string Partition = "batch", AnswerPartition = "now";

    /// <summary>Bytes of the input, which count towards the tenant's quota; 0 for a folder of documents until it is planned.</summary>
    public long InputBytes { get; set; }

    /// <summary>The hardware that runs its shards; null until it is planned.</summary>
    public string? Profile { get; set; }

    /// <summary>The plan that won.</summary>
    [DataMember(Name = "Attempt")]
    public string? PlanId { get; set; }

    public int NumShards { get; set; }

    /// <summary>Shards that were sent to the queue: those with the lowest numbers.</summary>
    public int NumReleased { get; set; }

    /// <summary>When the last shard was sent to the queue.</summary>
    public DateTimeOffset? ReleasedAt { get; set; }

    [IgnoreDataMember]
    public bool HasUndispatched => NumReleased < NumShards;
}
