using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>The body of a webhook, in OpenAI's form. A job ends once, so its event has the same id at every delivery.</summary>
internal sealed record WebhookEvent
{
    public required string Id { get; init; }

    public required string Type { get; init; }

    public required long CreatedAt { get; init; }

    public required WebhookEventData Data { get; init; }

    public string Object { get; init; } = "event";

    /// <summary>The ends of a batch.</summary>
    public static IReadOnlyList<string> BatchTypes { get; } = ["batch.completed", "batch.failed", "batch.expired", "batch.cancelled"];

    /// <summary>All types of events that endpoints can ask for.</summary>
    public static IReadOnlyList<string> Types { get; } =
    [
        .. BatchTypes,
        "fine_tuning.job.succeeded",
        "fine_tuning.job.failed",
        "fine_tuning.job.cancelled",
    ];

    /// <param name="batch">In a terminal state.</param>
    public static WebhookEvent Of(BatchRecord batch) => new()
    {
        Id = $"evt_{batch.RowKey}",
        Type = TypeOf(batch.Status),
        CreatedAt = batch.EndedAt!.Value.ToUnixTimeSeconds(),
        Data = new WebhookEventData(batch.Id),
    };

    /// <param name="job">In a terminal state.</param>
    public static WebhookEvent Of(FineTuningJobRecord job) => new()
    {
        Id = $"evt_{job.RowKey}",
        Type = TypeOf(job.Status),
        CreatedAt = job.FinishedAt!.Value.ToUnixTimeSeconds(),
        Data = new WebhookEventData(job.Id),
    };

    /// <summary>An event that a client asks for to try an endpoint.</summary>
    /// <param name="key">Makes its id.</param>
    public static WebhookEvent TestOf(WebhookEndpointRecord endpoint, string key, DateTimeOffset now) => new()
    {
        Id = $"evt_{key}",
        Type = "webhook_endpoint.test",
        CreatedAt = now.ToUnixTimeSeconds(),
        Data = new WebhookEventData(endpoint.Id),
    };

    public static string TypeOf(BatchStatus status) => $"batch.{status.WireName()}";

    public static string TypeOf(FineTuningStatus status) => $"fine_tuning.job.{status.WireName()}";

    public string ToJson() => JsonSerializer.Serialize(this, WireJson.Options);
}

/// <summary>The object that the event is about; the client reads it for the rest.</summary>
public sealed record WebhookEventData(string Id);
