using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// Starts an answer at once: writes what the plan of a batch with one line would have written, and sends the message of its shard. Every
/// step may be repeated, so a request that was cut off is completed by the next one with its key.
/// </summary>
/// <remarks>The record is written before its blobs, so what a process leaves that dies in between is found by the sweep.</remarks>
internal sealed class AnswerStart(BatchStore batches, StorageAccount storage, WorkQueues queues, ServiceLimits limits, TimeProvider time)
{
    /// <summary>How long the work is wanted, whether or not a client waits for it.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromHours(1);

    /// <summary>The only planning of an answer: each has blobs of its own.</summary>
    private const string PlanId = "now";

    private const string WindowText = "1h";

    /// <param name="key">A <see cref="SortableKey"/>; the same one leads to the same work.</param>
    /// <returns>The record, perhaps of an earlier request with this key.</returns>
    public async Task<BatchRecord> RunAsync(string tenant, string key, AnswerRequest request, CancellationToken cancellation)
    {
        var limit = WorkLimit.Of(request.Model.Id, request.Model.PlannedTokenForwardsPerSecond, limits.MaxLineWork);
        PlannedShard[] shards = [new PlannedShard(Window: 0, NumLines: 1)];
        var plan = new BatchPlan(PlanId, request.Model.Id, request.Model.Profile, NumLines: 1, shards, Limit: limit);
        var answer = new BatchRecord
        {
            PartitionKey = tenant,
            RowKey = AnswerKey.Of(key),
            Endpoint = request.Endpoint,
            CompletionWindow = WindowText,
            IsStreamed = request.IsStreamed,
            ExpiresAt = time.GetUtcNow() + Window,
        };
        await batches.AddAnswerAsync(answer, plan, cancellation);
        var blobs = new BatchBlobs(storage, answer);
        var line = BinaryData.FromString(JsonSerializer.Serialize(request.Line, WireJson.Options) + "\n");
        await Task.WhenAll(blobs.Shards.WriteOnceAsync(PlanId, shard: 0, line, cancellation), blobs.PublishPlanAsync(plan, cancellation));
        await SendAsync(answer, plan.Profile, cancellation);
        return answer;
    }

    /// <summary>Sends the message of an answer, also again.</summary>
    public Task SendAsync(BatchRecord answer, string profile, CancellationToken cancellation) =>
        queues.SendNowAsync(profile, new ShardMessage(answer.Tenant, answer.RowKey, PlanId, Shard: 0), cancellation);
}
