using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>Where a batch stands; the names are OpenAI's.</summary>
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

/// <summary>A batch job: the truth about it. Progress is not kept here but derived from the parts that exist.</summary>
public sealed class BatchRecord : TableRow
{
    public const string IdPrefix = "batch_";

    [IgnoreDataMember]
    public string Id => IdPrefix + RowKey;

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    [IgnoreDataMember]
    public bool IsTerminal => Status is BatchStatus.Completed or BatchStatus.Failed or BatchStatus.Expired or BatchStatus.Cancelled;

    public BatchStatus Status { get; set; }

    public string Endpoint { get; set; } = "";

    /// <summary>Null for a batch over a folder of documents.</summary>
    public string? InputFileId { get; set; }

    /// <summary>Where the documents lie, as the control plane keeps it.</summary>
    public string? InputFolder { get; set; }

    /// <summary>Where the filled ones go.</summary>
    public string? OutputFolder { get; set; }

    /// <summary>What all documents ask for besides their text: a JSON object.</summary>
    public string? DocumentBody { get; set; }

    public string CompletionWindow { get; set; } = "";

    /// <summary>A JSON object of strings; null when the client gave none.</summary>
    public string? Metadata { get; set; }

    /// <summary>The one model of all lines, once the plan has found it.</summary>
    public string? Model { get; set; }

    /// <summary>A JSON array of the faults that made the batch fail.</summary>
    public string? Errors { get; set; }

    public int TotalLines { get; set; }

    /// <summary>Final counts and usage, with the terminal state.</summary>
    public int CompletedLines { get; set; }

    public int FailedLines { get; set; }

    public long PromptTokens { get; set; }

    public long CompletionTokens { get; set; }

    /// <summary>Keys of the files being written while finalizing, so that a restarted finish writes the same ones.</summary>
    public string? OutputFileKey { get; set; }

    public string? ErrorFileKey { get; set; }

    /// <summary>Ids of the finished files; null where a file would be empty.</summary>
    public string? OutputFileId { get; set; }

    public string? ErrorFileId { get; set; }

    /// <summary>How long output and error file are kept; null as long as files are kept anyway.</summary>
    public int? OutputSeconds { get; set; }

    /// <summary>When plan, shards and parts were deleted.</summary>
    public DateTimeOffset? WorkDeletedAt { get; set; }

    /// <summary>When it became terminal.</summary>
    [IgnoreDataMember]
    public DateTimeOffset? EndedAt => CompletedAt ?? FailedAt ?? ExpiredAt ?? CancelledAt;

    /// <summary>Where its trace began: the W3C traceparent of the request that created it; null when nobody traced.</summary>
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
