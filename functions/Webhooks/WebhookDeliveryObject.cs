namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>The delivery of an event on the wire. Times are whole seconds.</summary>
public sealed record WebhookDeliveryObject
{
    public required string Id { get; init; }

    public string Object => "webhook_delivery";

    /// <summary>The header <c>webhook-id</c> of its calls.</summary>
    public required string EventId { get; init; }

    public required string Type { get; init; }

    public required WebhookEventData Data { get; init; }

    /// <summary>When the event happened.</summary>
    public required long CreatedAt { get; init; }

    public DeliveryStatus Status { get; init; }

    public required int Attempts { get; init; }

    public long? AttemptedAt { get; init; }

    /// <summary>Of the last attempt; null where there was no answer.</summary>
    public int? StatusCode { get; init; }

    /// <summary>Why the last attempt failed, as a sentence; null where it did not.</summary>
    public string? Message { get; init; }

    /// <summary>Null where no attempt follows.</summary>
    public long? NextAttemptAt { get; init; }

    public static WebhookDeliveryObject From(WebhookDeliveryRecord delivery) => new()
    {
        Id = delivery.Id,
        EventId = delivery.EventId,
        Type = delivery.EventType,
        Data = new WebhookEventData(delivery.ObjectId),
        CreatedAt = delivery.HappenedAt.ToUnixTimeSeconds(),
        Status = delivery.Status,
        Attempts = delivery.Attempts,
        AttemptedAt = delivery.AttemptedAt?.ToUnixTimeSeconds(),
        StatusCode = delivery.StatusCode,
        Message = delivery.Failure,
        NextAttemptAt = delivery.NextAttemptAt?.ToUnixTimeSeconds(),
    };
}
