using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Idempotency;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>The work of a request for an answer at once.</summary>
/// <param name="Key">A <see cref="SortableKey"/>.</param>
/// <param name="Answer">The record of an earlier request with the same Idempotency-Key; null where there is none.</param>
/// <param name="IsKnown">Whether the client can find it again: then it is done even if the client hangs up.</param>
internal sealed record AnswerWork(string Key, BatchRecord? Answer, bool IsKnown);

/// <summary>
/// Leads a request to its work: the same Idempotency-Key always to the same, also while it is running. So a second request waits together
/// with the first, and is not refused.
/// </summary>
internal sealed class AnswerKeys(IdempotencyRecords records, BatchStore batches, TimeProvider time)
{
    /// <exception cref="ApiException">422: the key belongs to another request.</exception>
    public async Task<AnswerWork> FindAsync(HttpContext context, string endpoint)
    {
        if (IdempotencyKey.Read(context.Request) is not { } key)
            return new AnswerWork(SortableKey.Create(time), Answer: null, IsKnown: false);
        var cancellation = context.RequestAborted;
        string hash = await RequestFingerprint.OfAsync(context.Request, cancellation);
        var (row, isNew) = await records.FindOrAddAsync(context.Tenant(), key, $"POST {endpoint}", hash, cancellation);
        var answer = isNew ? null : await batches.FindAsync(new JobKey(context.Tenant(), AnswerKey.Of(row.WorkKey)), cancellation);
        return new AnswerWork(row.WorkKey, answer, IsKnown: true);
    }
}
