namespace LLaDA.Batch.Shared.Batches;

/// <summary>The finished lines of a shard: its part, or the stored progress of a shard that has none yet.</summary>
/// <param name="At">When storage last wrote them.</param>
/// <param name="Worker">The name of the worker that wrote them; null where none did, and in blobs of earlier versions.</param>
public sealed record FinishedWork(PartCounts Counts, DateTimeOffset At, string? Worker);
