using System.Text.Json.Serialization;

namespace LLaDA.Batch.Shared.Queues;

// Messages carry ids, never a payload, and may come twice. Names avoid those of the queue's own metadata (Id, DequeueCount, ...), which a host may merge in.

/// <summary>Read the batch's input and cut it into shards.</summary>
public sealed record PlanMessage(string Tenant, string Batch);

/// <summary>Run one shard of the batch's plan.</summary>
/// <param name="PlanId">The planning that wrote the shard.</param>
public sealed record ShardMessage(string Tenant, string Batch, [property: JsonPropertyName("attempt")] string PlanId, int Shard);

/// <summary>Tell an endpoint how a batch or a fine-tuning job has ended.</summary>
/// <param name="Batch">Null where it is a job.</param>
/// <param name="Attempt">From 0 on.</param>
public sealed record WebhookMessage(string Tenant, string Endpoint, string? Batch, int Attempt, string? Job = null);

/// <summary>Close the batch if everything has been done, or if it was cancelled or has expired.</summary>
public sealed record FinishMessage(string Tenant, string Batch);

/// <summary>Plan, train or finish a fine-tuning job, by the queue that it is on.</summary>
public sealed record TrainingMessage(string Tenant, string Job);
