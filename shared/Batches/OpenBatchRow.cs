using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>A batch that has something left to do, and how many of its shards have been dispatched.</summary>
public sealed class OpenBatchRow : OpenRow
{
    public const string Partition = "batch", AnswerPartition = "now";

    /// <summary>The work of a shard where the row does not know it.</summary>
    public const double UsualSeconds = 60;

    /// <summary>A message, its lease and its blobs cost about this however little its lines do.</summary>
    private const double LeastSeconds = 1;

    /// <summary>Bytes of the input, which count towards the tenant's quota; 0 for a folder of documents until it is planned.</summary>
    public long InputBytes { get; set; }

    /// <summary>The hardware that runs its shards; null until it is planned.</summary>
    public string? Profile { get; set; }

    /// <summary>The plan that won.</summary>
    [DataMember(Name = "Attempt")]
    public string? PlanId { get; set; }

    public int NumShards { get; set; }

    /// <summary>Expected work of a shard on average, in seconds; 0 in rows of earlier versions.</summary>
    public double ShardSeconds { get; set; }

    /// <summary>Shards that were sent to the queue: those with the lowest numbers.</summary>
    public int NumReleased { get; set; }

    /// <summary>When the last shard was sent to the queue.</summary>
    public DateTimeOffset? ReleasedAt { get; set; }

    public BatchPriority Priority { get; set; } = BatchPriority.Normal;

    /// <summary>When the batch expires; null in rows of earlier versions, likewise <see cref="PlannedAt"/>.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }

    /// <summary>When its shards were there to be sent.</summary>
    public DateTimeOffset? PlannedAt { get; set; }

    /// <summary>Since when it waits for its next shard to be sent.</summary>
    [IgnoreDataMember]
    public DateTimeOffset WaitingSince => ReleasedAt ?? PlannedAt ?? DateTimeOffset.MinValue;

    /// <summary>Work of a shard in flight, in seconds.</summary>
    [IgnoreDataMember]
    public double SecondsOfShard => ShardSeconds > 0 ? Math.Max(LeastSeconds, ShardSeconds) : UsualSeconds;

    [IgnoreDataMember]
    public override bool IsPlanned => PlanId is not null;

    [IgnoreDataMember]
    public bool HasUndispatched => NumReleased < NumShards;

    public override double WeightAt(DateTimeOffset now) => BatchTurns.WeightOf(Priority, ExpiresAt - now);
}
