using System.Text.Json;
using System.Text.Json.Serialization;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>A checkpoint of a job on the wire.</summary>
public sealed record CheckpointObject
{
    public required string Id { get; init; }

    public required long CreatedAt { get; init; }

    public required string FineTunedModelCheckpoint { get; init; }

    public required int StepNumber { get; init; }

    public required CheckpointMetrics Metrics { get; init; }

    public required string FineTuningJobId { get; init; }

    public string Object => "fine_tuning.job.checkpoint";

    public static CheckpointObject From(FineTuningJobRecord job, CheckpointRecord checkpoint) => new()
    {
        Id = checkpoint.Id,
        CreatedAt = checkpoint.CreatedAt.ToUnixTimeSeconds(),
        FineTunedModelCheckpoint = checkpoint.Model,
        StepNumber = checkpoint.Step,
        Metrics = CheckpointMetrics.From(checkpoint),
        FineTuningJobId = job.Id,
    };
}

/// <summary>
/// Losses in nats per token, except of preferences. The validation estimate is always over the same rows, so both validation losses are
/// one.
/// </summary>
public sealed record CheckpointMetrics
{
    public required int Step { get; init; }

    public required double TrainLoss { get; init; }

    public required double? ValidLoss { get; init; }

    public required double? FullValidLoss { get; init; }

    /// <summary>What the method measures besides.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Measures { get; init; }

    public static CheckpointMetrics From(CheckpointRecord checkpoint) => new()
    {
        Step = checkpoint.Step,
        TrainLoss = checkpoint.TrainLoss,
        ValidLoss = checkpoint.ValidLoss,
        FullValidLoss = checkpoint.ValidLoss,
        Measures = checkpoint.Measures is null ? null : JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(checkpoint.Measures),
    };
}
