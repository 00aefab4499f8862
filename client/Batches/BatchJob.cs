using System.Text.Json;
using System.Text.Json.Serialization;
using LLaDA.Batch.Client.Webhooks;

namespace LLaDA.Batch.Client.Batches;

/// <summary>A batch.</summary>
public sealed record BatchJob
{
    public required string Id { get; init; }

    public required string Endpoint { get; init; }

    /// <summary>Null until the input has been read.</summary>
    public string? Model { get; init; }

    /// <summary><c>validating</c>, <c>in_progress</c>, <c>finalizing</c>, <c>completed</c>, <c>failed</c>, <c>expired</c>,
    /// <c>cancelling</c> or <c>cancelled</c>.</summary>
    public required string Status { get; init; }

    /// <summary><c>low</c>, <c>normal</c> or <c>high</c>.</summary>
    public string? Priority { get; init; }

    /// <summary>Null where the batch names none.</summary>
    public BatchWebhook? Webhook { get; init; }

    /// <summary>What was wrong with the input of a failed batch; null otherwise.</summary>
    public BatchFaults? Errors { get; init; }

    public string? InputFileId { get; init; }

    public string? OutputFileId { get; init; }

    public string? ErrorFileId { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }

    public required LineCounts RequestCounts { get; init; }

    /// <summary>The batch whose failed lines this one runs again; null for another batch.</summary>
    public string? ParentBatchId { get; init; }

    /// <summary>Null while the speed is unknown, and once the batch has ended.</summary>
    public DateTimeOffset? EstimatedCompletionAt { get; init; }

    /// <summary>The failed lines by the code of their error.</summary>
    public IReadOnlyDictionary<string, int>? ErrorCounts { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>Properties that this version of the client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; init; }

    /// <summary>Whether the batch has ended for good.</summary>
    [JsonIgnore]
    public bool IsTerminal => Status is "completed" or "failed" or "expired" or "cancelled";
}

/// <summary>What is called when a batch ends.</summary>
/// <param name="Delivery">Null before the first attempt.</param>
/// <param name="Secret">Signs the calls; only in the answer to the creation.</param>
public sealed record BatchWebhook(string Url, IReadOnlyList<string> Events, WebhookDelivery? Delivery, string? Secret);

/// <summary>Lines of a batch.</summary>
public sealed record LineCounts(int Total, int Completed, int Failed);

/// <param name="Data">In the order of the lines.</param>
public sealed record BatchFaults(IReadOnlyList<BatchFault> Data);

/// <summary>What is wrong with an input.</summary>
/// <param name="Line">From 1; null for the whole input.</param>
public sealed record BatchFault(string Code, string Message, string? Param, int? Line);
