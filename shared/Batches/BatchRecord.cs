using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The states of a batch; the names are OpenAI's.</summary>
public enum BatchStatus
{
    Validating,
    InProgress,
    Finalizing,
    Completed,
    Failed,
    Expired,
    Cancelling,
    Cancelled,
}

/// <summary>The record of a batch. Its progress is not stored here but derived from the parts that exist.</summary>
public sealed partial class BatchRecord : TableRow
{
    public const string IdPrefix = "batch_";

    [IgnoreDataMember]
    public string Id => IsNow ? AnswerKey.Id(RowKey) : IdPrefix + RowKey;

    /// <summary>Whether it is an answer at once: a batch of one line, for which a client waits.</summary>
    [IgnoreDataMember]
    public bool IsNow => AnswerKey.IsOne(RowKey);

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    [IgnoreDataMember]
    public JobKey Key => new(Tenant, RowKey);

    [IgnoreDataMember]
    public bool IsTerminal => Status is BatchStatus.Completed or BatchStatus.Failed or BatchStatus.Expired or BatchStatus.Cancelled;

    /// <summary>Changed by the transitions of this record only.</summary>
    public BatchStatus Status { get; set; }

    public string Endpoint { get; set; } = "";

    /// <summary>Null for a batch over a folder of documents.</summary>
    public string? InputFileId { get; set; }

    /// <summary>The folder of the documents, as JSON of the control plane.</summary>
    public string? InputFolder { get; set; }

    /// <summary>The folder of the filled documents, likewise.</summary>
    public string? OutputFolder { get; set; }

    /// <summary>The parameters of all documents besides their text: a JSON object.</summary>
    public string? DocumentBody { get; set; }

    /// <summary>What becomes of a document without a gap, by its name on the wire; null in rows of earlier versions.</summary>
    public string? WithoutGaps { get; set; }

    public string CompletionWindow { get; set; } = "";

    /// <summary>Beside the other batches of the tenant.</summary>
    public BatchPriority Priority { get; set; } = BatchPriority.Normal;

    /// <summary>A JSON object of strings; null when the client gave none.</summary>
    public string? Metadata { get; set; }

    /// <summary>The model of all lines; null until the batch is planned.</summary>
    public string? Model { get; set; }

    /// <summary>A JSON array of the errors that made the batch fail.</summary>
    public string? Errors { get; set; }

    public int TotalLines { get; set; }

    /// <summary>Final counts and usage, with the terminal state.</summary>
    public int CompletedLines { get; set; }

    public int FailedLines { get; set; }

    public long PromptTokens { get; set; }

    public long CompletionTokens { get; set; }

    /// <summary>The failed lines by their code (<see cref="ErrorCounts"/>); null where there are none.</summary>
    public string? ErrorCounts { get; set; }

    /// <summary>Tokens of all lines by the plan's estimate; null until it is planned.</summary>
    public long? EstimatedTokens { get; set; }

    /// <summary>The row key of the batch whose failed lines this one retries; null for another batch.</summary>
    public string? ParentKey { get; set; }

    /// <summary>The address that is called when it ends; null where the client named none, likewise the two below.</summary>
    public string? WebhookUrl { get; set; }

    /// <summary>Types of events, separated by commas.</summary>
    public string? WebhookEvents { get; set; }

    /// <summary>The signing secret, encrypted.</summary>
    public string? SealedWebhookSecret { get; set; }

    /// <summary>Keys of the files being written while finalizing, so that a restarted finish writes the same ones.</summary>
    public string? OutputFileKey { get; set; }

    public string? ErrorFileKey { get; set; }

    /// <summary>Ids of the finished files; null where a file would be empty.</summary>
    public string? OutputFileId { get; set; }

    public string? ErrorFileId { get; set; }

    /// <summary>How long output and error file are kept, in seconds; null is the service's retention.</summary>
    public int? OutputSeconds { get; set; }

    /// <summary>Whether the worker shows its steps while it answers; only an answer at once.</summary>
    public bool IsStreamed { get; set; }

    /// <summary>When plan, shards and parts were deleted.</summary>
    public DateTimeOffset? WorkDeletedAt { get; set; }

    /// <summary>When it became terminal.</summary>
    [IgnoreDataMember]
    public DateTimeOffset? EndedAt => CompletedAt ?? FailedAt ?? ExpiredAt ?? CancelledAt;

    /// <summary>The W3C traceparent of the request that created it; null without a trace.</summary>
    public string? TraceParent { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }

    public DateTimeOffset? InProgressAt { get; set; }

    public DateTimeOffset? FinalizingAt { get; set; }

    public DateTimeOffset? CompletedAt { get; set; }

    public DateTimeOffset? FailedAt { get; set; }

    public DateTimeOffset? ExpiredAt { get; set; }

    public DateTimeOffset? CancellingAt { get; set; }

    public DateTimeOffset? CancelledAt { get; set; }
}
