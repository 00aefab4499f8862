using System.Text.Json;
using System.Text.Json.Serialization;

namespace LLaDA.Batch.Client.FineTuning;

/// <summary>A fine-tuning job.</summary>
public sealed record FineTuningJob
{
    public required string Id { get; init; }

    public required string Model { get; init; }

    /// <summary><c>validating_files</c>, <c>queued</c>, <c>running</c>, <c>paused</c>, <c>succeeded</c>, <c>failed</c> or
    /// <c>cancelled</c>.</summary>
    public required string Status { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Null until the job has ended.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The result; null until the job has succeeded.</summary>
    public string? FineTunedModel { get; init; }

    /// <summary>Null while it is unknown.</summary>
    public DateTimeOffset? EstimatedFinish { get; init; }

    public JobFault? Error { get; init; }

    /// <summary>Properties that this version of the client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; init; }

    /// <summary>Whether the job has ended for good.</summary>
    [JsonIgnore]
    public bool IsTerminal => Status is "succeeded" or "failed" or "cancelled";
}

/// <summary>Why a job failed; without a message for a job that did not.</summary>
public sealed record JobFault(string? Code, string? Message);

/// <summary>What a job reports.</summary>
/// <param name="Data">Step and losses; null for a message without figures.</param>
public sealed record FineTuningEvent(string Id, DateTimeOffset CreatedAt, string Level, string Message, LossPoint? Data);

/// <param name="ValidLoss">Null for steps at which it was not measured.</param>
public sealed record LossPoint(int? Step, double? TrainLoss, double? ValidLoss)
{
    /// <summary>Rates, and what the method of the job measures besides, such as <c>margin</c> of preferences.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; init; }
}

/// <summary>What to train on what. OpenAI's client sends the same.</summary>
public sealed record FineTuningRequest
{
    public required string Model { get; init; }

    /// <summary>The id of a file with purpose <c>fine-tune</c>.</summary>
    public required string TrainingFile { get; init; }

    public string? ValidationFile { get; init; }

    public string? Suffix { get; init; }

    public int? Seed { get; init; }

    /// <summary>With <c>type</c> and hyperparameters, as the API describes them; null trains all weights on dialogues.</summary>
    public object? Method { get; init; }
}
