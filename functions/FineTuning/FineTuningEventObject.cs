using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>An event of a job on the wire.</summary>
public sealed record FineTuningEventObject
{
    public required string Id { get; init; }

    public required long CreatedAt { get; init; }

    public required string Level { get; init; }

    public required string Message { get; init; }

    /// <summary><c>message</c>, or <c>metrics</c> with data.</summary>
    public required string Type { get; init; }

    public required JsonNode? Data { get; init; }

    public string Object => "fine_tuning.job.event";

    public static FineTuningEventObject From(FineTuningJobRecord job, FineTuningEventRecord entry) => new()
    {
        Id = FineTuningEvents.Id(job, entry),
        CreatedAt = entry.CreatedAt.ToUnixTimeSeconds(),
        Level = entry.Level,
        Message = entry.Message,
        Type = entry.Data is null ? "message" : "metrics",
        Data = entry.Data is null ? null : JsonNode.Parse(entry.Data),
    };
}
