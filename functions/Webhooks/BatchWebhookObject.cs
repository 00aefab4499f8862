using System.Text.Json.Serialization;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>The webhook of a batch on the wire.</summary>
public sealed record BatchWebhookObject
{
    public required string Url { get; init; }

    public required IReadOnlyList<string> Events { get; init; }

    /// <summary>Null before the first attempt, and once the log's time is over.</summary>
    public WebhookDeliveryObject? Delivery { get; init; }

    /// <summary>The signing secret: part of the answer to the creation, and of no other.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Secret { get; init; }
}
