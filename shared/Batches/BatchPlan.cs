using System.Text.Json.Serialization;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The one plan of a batch: published once, with If-None-Match, and believed by everybody.</summary>
/// <param name="PlanId">The planning that won; shards of others are never read.</param>
/// <param name="NumLines">Requests in the input.</param>
/// <param name="Shards">By shard number.</param>
public sealed record BatchPlan(
    [property: JsonPropertyName("attempt")] string PlanId, string Model, string Profile, int NumLines, IReadOnlyList<PlannedShard> Shards);

/// <param name="Window">Which run of consecutive lines its lines come from: the finish puts one window at a time in order.</param>
/// <param name="IsRefused">Its lines could not become requests: the plan itself writes their part, and no worker sees them.</param>
public sealed record PlannedShard(int Window, int NumLines, bool IsRefused = false);

/// <summary>What a part says about itself: progress and usage are sums over these.</summary>
/// <param name="Expired">Those of the failed lines that were not run because the window had ended.</param>
public sealed record PartCounts(int Completed, int Failed, long PromptTokens, long CompletionTokens, int Expired = 0)
{
    public static PartCounts None { get; } = new(0, 0, 0, 0);

    /// <summary>Of lines that nobody ran.</summary>
    public static PartCounts NotRun(int numLines, NotRunReason reason) => new(0, numLines, 0, 0, reason == NotRunReason.Expired ? numLines : 0);

    public static PartCounts operator +(PartCounts left, PartCounts right) => left.Add(right);

    public PartCounts Add(PartCounts other) => new(
        Completed + other.Completed, Failed + other.Failed, PromptTokens + other.PromptTokens, CompletionTokens + other.CompletionTokens,
        Expired + other.Expired);
}
