using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Jobs;

/// <summary>A shard without an answer that workers have failed on.</summary>
/// <param name="Failures">Attempts that ended without a result.</param>
/// <param name="Reason">Why the last one ended; null when its worker died, or is still running.</param>
internal sealed record ShardTrouble(int Shard, int FirstLine, int Lines, int Failures, string? Reason);

/// <summary>A batch with its plan and its failing shards.</summary>
internal sealed record BatchDetails
{
    private const int MaxTrouble = 20;

    public required JobView Job { get; init; }

    public required string Endpoint { get; init; }

    /// <summary>Beside the tenant's other batches.</summary>
    public required string Priority { get; init; }

    public required string? InputFileId { get; init; }

    public required string? OutputFileId { get; init; }

    public required string? ErrorFileId { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public required DateTimeOffset? InProgressAt { get; init; }

    public required DateTimeOffset? FinalizingAt { get; init; }

    public required DateTimeOffset? CancellingAt { get; init; }

    public required DateTimeOffset? ChangedAt { get; init; }

    public required string? Profile { get; init; }

    public required int? Shards { get; init; }

    public required int? ShardsReleased { get; init; }

    public required int? ShardsAnswered { get; init; }

    /// <summary>At most 20.</summary>
    public required IReadOnlyList<ShardTrouble> Trouble { get; init; }

    public required JsonNode? Errors { get; init; }

    public static async Task<BatchDetails> FromAsync(
        BatchRecord batch, StorageAccount storage, TimeProvider time, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        var plan = await blobs.FindPlanAsync(cancellation);
        var parts = plan is null ? null : await blobs.Parts.ListAsync(cancellation);
        var active = await new BatchStore(storage, time).Open.FindAsync(batch.Key, cancellation);
        var trouble = plan is null ? [] : await TroubleAsync(blobs, plan, parts!, active?.NumReleased ?? 0, cancellation);
        return new BatchDetails
        {
            Job = await JobView.FromAsync(batch, storage, cancellation),
            Endpoint = batch.Endpoint,
            Priority = JobView.Name(batch.Priority),
            InputFileId = batch.InputFileId,
            OutputFileId = batch.OutputFileId,
            ErrorFileId = batch.ErrorFileId,
            ExpiresAt = batch.ExpiresAt,
            InProgressAt = batch.InProgressAt,
            FinalizingAt = batch.FinalizingAt,
            CancellingAt = batch.CancellingAt,
            ChangedAt = batch.Timestamp,
            Profile = plan?.Profile,
            Shards = plan?.Shards.Count,
            ShardsReleased = active?.NumReleased,
            ShardsAnswered = parts?.Count,
            Trouble = trouble,
            Errors = batch.Errors is null ? null : JsonNode.Parse(batch.Errors),
        };
    }

    private static async Task<IReadOnlyList<ShardTrouble>> TroubleAsync<TPart>(
        BatchBlobs blobs, BatchPlan plan, IReadOnlyDictionary<int, TPart> parts, int numReleased, CancellationToken cancellation)
    {
        List<ShardTrouble> trouble = [];
        for (int shard = 0; shard < numReleased && trouble.Count < MaxTrouble; shard++)
        {
            if (parts.ContainsKey(shard)
                || await blobs.Shards.FindAttemptsAsync(shard, cancellation) is not { Current: { } group } attempts)
            {
                continue;
            }
            int failures = attempts.CountFailures(await blobs.Shards.IsLeasedAsync(plan.PlanId, shard, cancellation));
            if (failures > 0)
                trouble.Add(new ShardTrouble(shard, group.First, group.Count, failures, group.Reason));
        }
        return trouble;
    }
}
