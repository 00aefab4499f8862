using System.Text.Json.Serialization;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The plan of a batch, published once with If-None-Match.</summary>
/// <param name="PlanId">The planning that won; shards of other plannings are never read.</param>
/// <param name="NumLines">Requests in the input.</param>
/// <param name="Shards">By shard number.</param>
/// <param name="EstimatedTokens">Tokens of all lines, given and new ones; null in plans of earlier versions.</param>
/// <param name="Limit">Of each line's work; null in plans of earlier versions.</param>
public sealed record BatchPlan(
    [property: JsonPropertyName("attempt")] string PlanId,
    string Model,
    string Profile,
    int NumLines,
    IReadOnlyList<PlannedShard> Shards,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? EstimatedTokens = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] WorkLimit? Limit = null);

/// <param name="Window">The line window of its lines: the finish orders one window at a time.</param>
/// <param name="IsRefused">
/// The outcome of its lines is known (refused, or answered without a model): the plan writes their part itself, and no worker sees them.
/// </param>
/// <param name="Seconds">Expected work; 0 where it is not known.</param>
public sealed record PlannedShard(
    int Window,
    int NumLines,
    bool IsRefused = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] double Seconds = 0);
