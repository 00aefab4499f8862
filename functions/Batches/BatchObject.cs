using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>A batch on the wire. Times are whole seconds; a count is never null.</summary>
public sealed record BatchObject
{
    public required string Id { get; init; }

    public string Object => "batch";

    public required string Endpoint { get; init; }

    public string? Model { get; init; }

    public JsonNode? Errors { get; init; }

    public string? InputFileId { get; init; }

    /// <summary>The folder of the documents, for a batch over a folder; a URL comes back without its signature.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public object? InputBlobs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public object? OutputBlobs { get; init; }

    public required string CompletionWindow { get; init; }

    /// <summary>Beside the other batches of the tenant.</summary>
    public BatchPriority Priority { get; init; }

    public BatchStatus Status { get; init; }

    public string? OutputFileId { get; init; }

    public string? ErrorFileId { get; init; }

    public long CreatedAt { get; init; }

    public long? InProgressAt { get; init; }

    public long ExpiresAt { get; init; }

    public long? FinalizingAt { get; init; }

    public long? CompletedAt { get; init; }

    public long? FailedAt { get; init; }

    public long? ExpiredAt { get; init; }

    public long? CancellingAt { get; init; }

    public long? CancelledAt { get; init; }

    public required RequestCounts RequestCounts { get; init; }

    public required BatchUsage Usage { get; init; }

    public JsonNode? Metadata { get; init; }

    /// <summary>The batch whose failed lines this one runs again; null for another batch.</summary>
    public string? ParentBatchId { get; init; }

    /// <summary>Null once the batch has ended, and while its speed is unknown.</summary>
    public long? EstimatedCompletionAt { get; init; }

    /// <summary>The failed lines by the code of their error.</summary>
    public required IReadOnlyDictionary<string, int> ErrorCounts { get; init; }

    /// <summary>Null once the batch has ended.</summary>
    public BatchProgress? Progress { get; init; }

    /// <summary>Absent for a batch without one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BatchWebhookObject? Webhook { get; init; }

    /// <param name="counts">The sum over the parts that exist; the record's own once the batch is terminal.</param>
    /// <param name="progress">Null once the batch is terminal.</param>
    /// <param name="now">The time of the estimate.</param>
    public static BatchObject From(
        BatchRecord batch, PartCounts counts, BatchProgress? progress = null, DateTimeOffset now = default) => new()
    {
        Id = batch.Id,
        Endpoint = batch.Endpoint,
        Model = batch.Model,
        Errors = batch.Errors is null ? null : new JsonObject { ["object"] = "list", ["data"] = JsonNode.Parse(batch.Errors) },
        InputFileId = batch.InputFileId,
        InputBlobs = Folder(batch.InputFolder),
        OutputBlobs = Folder(batch.OutputFolder),
        CompletionWindow = batch.CompletionWindow,
        Priority = batch.Priority,
        Status = batch.Status,
        OutputFileId = batch.OutputFileId,
        ErrorFileId = batch.ErrorFileId,
        CreatedAt = batch.CreatedAt.ToUnixTimeSeconds(),
        InProgressAt = batch.InProgressAt?.ToUnixTimeSeconds(),
        ExpiresAt = batch.ExpiresAt.ToUnixTimeSeconds(),
        FinalizingAt = batch.FinalizingAt?.ToUnixTimeSeconds(),
        CompletedAt = batch.CompletedAt?.ToUnixTimeSeconds(),
        FailedAt = batch.FailedAt?.ToUnixTimeSeconds(),
        ExpiredAt = batch.ExpiredAt?.ToUnixTimeSeconds(),
        CancellingAt = batch.CancellingAt?.ToUnixTimeSeconds(),
        CancelledAt = batch.CancelledAt?.ToUnixTimeSeconds(),
        ParentBatchId = batch.ParentKey is null ? null : BatchRecord.IdPrefix + batch.ParentKey,
        EstimatedCompletionAt = progress?.EndsAt(batch.TotalLines - counts.Completed - counts.Failed, now)?.ToUnixTimeSeconds(),
        ErrorCounts = counts.Errors.ToDictionary(),
        Progress = progress,
        RequestCounts = new RequestCounts { Total = batch.TotalLines, Completed = counts.Completed, Failed = counts.Failed },
        Usage = BatchUsage.Of(counts),
        Metadata = batch.Metadata is null ? null : JsonNode.Parse(batch.Metadata),
    };

    private static object? Folder(string? json) => json is null ? null : BlobFolder.FromJson(json).ToObject();
}

/// <summary>Progress of a batch, in lines.</summary>
public sealed record RequestCounts
{
    public required int Total { get; init; }

    public required int Completed { get; init; }

    public required int Failed { get; init; }
}
