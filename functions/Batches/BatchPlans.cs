using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Finds the plan of a batch. A plan whose blob is lost, as a killed Azurite forgets the last ones, is rebuilt from its shards: the
/// parts that exist are numbered by it, so another planning could answer a line twice, or never.
/// </summary>
internal sealed partial class BatchPlans(
    StorageAccount storage, BatchStore batches, ModelCatalog models, ServiceLimits limits, ILogger<BatchPlans> logger)
{
    /// <param name="batch">That has not ended.</param>
    /// <returns>Null while the batch has no plan.</returns>
    public async Task<BatchPlan?> FindAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        if (await blobs.FindPlanAsync(cancellation) is { } plan)
            return plan;
        if (await batches.Open.FindAsync(batch.Key, cancellation) is not { PlanId: { } planId } open || batch.Model is not { } id)
            return null;
        LogLost(logger, batch.Id);
        var shards = await LostPlan.RestoreAsync(blobs, planId, open.NumShards, batch.TotalLines, cancellation);
        var model = await models.FindAsync(batch.Tenant, id, cancellation);
        var limit = model is null ? null : WorkLimit.Of(model.Id, model.PlannedTokenForwardsPerSecond, limits.MaxLineWork);
        var restored = new BatchPlan(planId, id, open.Profile!, batch.TotalLines, shards, batch.EstimatedTokens, limit);
        // Before it is published, so that a process that dies in between does it again: settled parts are younger than the plan.
        await SettledShards.AnswerAsync(blobs, restored, Enumerable.Range(0, shards.Count), cancellation);
        return await blobs.PublishPlanAsync(restored, cancellation);
    }

    [LoggerMessage(EventId = 204, Level = LogLevel.Error, Message = "{Batch} lost its plan, which is rebuilt from its shards")]
    private static partial void LogLost(ILogger logger, string batch);
}
