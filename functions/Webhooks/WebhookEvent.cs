using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>What an endpoint is told, in OpenAI's words. A job ends once, so its event has one id, however often it is sent.</summary>
internal sealed record WebhookEvent(string Id, string Type, long CreatedAt, WebhookEventData Data)
{
    /// <summary>All there are.</summary>
    public static IReadOnlyList<string> Types { get; } =
    [
        "batch.completed", "batch.failed", "batch.expired", "batch.cancelled", "fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled",
    ];

    public string Object { get; init; } = "event";

    /// <param name="batch">A terminal one.</param>
    public static WebhookEvent Of(BatchRecord batch) =>
        new($"evt_{batch.RowKey}", TypeOf(batch.Status), batch.EndedAt!.Value.ToUnixTimeSeconds(), new WebhookEventData(batch.Id));

    /// <param name="job">A terminal one.</param>
    public static WebhookEvent Of(FineTuningJobRecord job) =>
        new($"evt_{job.RowKey}", TypeOf(job.Status), job.FinishedAt!.Value.ToUnixTimeSeconds(), new WebhookEventData(job.Id));

    public static string TypeOf(BatchStatus status) => "batch." + JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString());

    public static string TypeOf(FineTuningStatus status) => "fine_tuning.job." + JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString());

    public string ToJson() => JsonSerializer.Serialize(this, WireJson.Options);
}

/// <summary>The object that the event is about; the client reads it for the rest.</summary>
internal sealed record WebhookEventData(string Id);
