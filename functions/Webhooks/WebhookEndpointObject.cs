using System.Text.Json.Serialization;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>A webhook endpoint on the wire.</summary>
public sealed record WebhookEndpointObject
{
    public required string Id { get; init; }

    public required string Url { get; init; }

    public required IReadOnlyList<string> Events { get; init; }

    public required long CreatedAt { get; init; }

    /// <summary>The signing secret: part of the answer to the creation, and of no other.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Secret { get; init; }

    public string Object => "webhook_endpoint";

    public static WebhookEndpointObject From(WebhookEndpointRecord endpoint, string? secret = null) => new()
    {
        Id = endpoint.Id,
        Url = endpoint.Url,
        Events = endpoint.Events.Split(','),
        CreatedAt = endpoint.CreatedAt.ToUnixTimeSeconds(),
        Secret = secret,
    };
}
