using System.Text.Json.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Queues;

// Messages carry ids, never a payload, and may be delivered twice. Their names avoid those of the queue's own metadata (Id, DequeueCount,
// ...), which a host may merge in.

/// <summary>Read the batch's input and cut it into shards.</summary>
public sealed record PlanMessage(string Tenant, string Batch)
{
    [JsonIgnore]
    public JobKey Key => new(Tenant, Batch);
}

/// <summary>Run one shard of the batch's plan.</summary>
/// <param name="PlanId">The planning that wrote the shard.</param>
public sealed record ShardMessage(string Tenant, string Batch, [property: JsonPropertyName("attempt")] string PlanId, int Shard)
{
    /// <summary>Whether it passes shards of its tenant that wait in the queue.</summary>
    [JsonPropertyName("ahead")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsAhead { get; init; }

    [JsonIgnore]
    public JobKey Key => new(Tenant, Batch);

    /// <summary>Whose turn it takes in a queue.</summary>
    [JsonIgnore]
    public string Party => IsAhead ? $"{Tenant}|ahead" : Tenant;
}

/// <summary>Notify an endpoint that a batch or a fine-tuning job has ended.</summary>
/// <param name="Endpoint">The row key of the endpoint; null for the webhook that the batch itself has.</param>
/// <param name="Attempt">From 0.</param>
/// <param name="Batch">The row key of the batch; null where it is a fine-tuning job.</param>
/// <param name="Job">The row key of the fine-tuning job; null where it is a batch.</param>
public sealed record WebhookMessage(string Tenant, string? Endpoint, int Attempt, string? Batch = null, string? Job = null);

/// <summary>Finish the batch if all its shards have parts, or if it was cancelled or has expired.</summary>
public sealed record FinishMessage(string Tenant, string Batch)
{
    [JsonIgnore]
    public JobKey Key => new(Tenant, Batch);
}

/// <summary>Plan, train or finish a fine-tuning job, by the queue that it is on.</summary>
public sealed record TrainingMessage(string Tenant, string Job)
{
    [JsonIgnore]
    public JobKey Key => new(Tenant, Job);
}
