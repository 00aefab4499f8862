using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>How far the delivery of an event is.</summary>
public enum DeliveryStatus
{
    /// <summary>It is tried again.</summary>
    Pending,

    Delivered,

    /// <summary>It is not tried again.</summary>
    GaveUp,
}

/// <summary>
/// The delivery of one event to one endpoint, or to the webhook of its batch. Rows lie in the table of the endpoints, in a partition for
/// each of them, the newest event first.
/// </summary>
public sealed class WebhookDeliveryRecord : TableRow
{
    public const string IdPrefix = "whd_";

    [IgnoreDataMember]
    public string Id => IdPrefix + RowKey;

    public string EventId { get; set; } = "";

    public string EventType { get; set; } = "";

    /// <summary>The object that the event is about.</summary>
    public string ObjectId { get; set; } = "";

    /// <summary>When the event happened.</summary>
    public DateTimeOffset HappenedAt { get; set; }

    public DeliveryStatus Status { get; set; }

    public int Attempts { get; set; }

    public DateTimeOffset? AttemptedAt { get; set; }

    /// <summary>Of the last attempt's answer; null where there was none.</summary>
    public int? StatusCode { get; set; }

    /// <summary>Why the last attempt failed; null where it did not.</summary>
    public string? Failure { get; set; }

    /// <summary>Null where no attempt follows.</summary>
    public DateTimeOffset? NextAttemptAt { get; set; }

    /// <summary>When the row is deleted.</summary>
    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>The partition of the deliveries to an endpoint, or to the webhook of a batch.</summary>
    public static string Partition(string tenant, string targetId) => $"{tenant}|{targetId}";

    /// <summary>An attempt was made. An event that was taken once stays delivered, whatever comes of a repetition.</summary>
    /// <param name="next">When the next attempt is made; null where none follows.</param>
    internal void Count(DeliveryOutcome outcome, DateTimeOffset now, DateTimeOffset? next)
    {
        Attempts++;
        AttemptedAt = now;
        if (Status == DeliveryStatus.Delivered)
            return;
        (StatusCode, Failure, NextAttemptAt) = (outcome.StatusCode, outcome.Failure, next);
        Status = outcome.Failure is null ? DeliveryStatus.Delivered : next is null ? DeliveryStatus.GaveUp : DeliveryStatus.Pending;
    }
}
