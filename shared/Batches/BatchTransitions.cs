namespace LLaDA.Batch.Shared.Batches;

/// <summary>The keys under which a finish writes the output and the error file.</summary>
public readonly record struct ResultKeys(string Output, string Errors);

/// <summary>The results of a batch that ends.</summary>
/// <param name="OutputFileId">Null where the file would be empty, likewise <paramref name="ErrorFileId"/>.</param>
public sealed record BatchResults(PartCounts Counts, string? OutputFileId, string? ErrorFileId);

/// <summary>
/// The transitions of a batch. Each returns whether it holds in the current state, and changes nothing where it does not.
/// docs/architecture.md draws the diagram; a test compares both with one table.
/// </summary>
public sealed partial class BatchRecord
{
    /// <summary>The plan is published: its shards can be dispatched.</summary>
    public bool TryBegin(BatchPlan plan, DateTimeOffset now)
    {
        if (Status != BatchStatus.Validating)
            return false;
        (Status, InProgressAt, Model, TotalLines) = (BatchStatus.InProgress, now, plan.Model, plan.NumLines);
        EstimatedTokens = plan.EstimatedTokens;
        return true;
    }

    /// <summary>The input has errors, or planning failed repeatedly.</summary>
    /// <param name="errors">A JSON array.</param>
    public bool TryRefuse(string errors, DateTimeOffset now) => Status == BatchStatus.Validating && Fail(errors, now);

    /// <summary>The client asks for the end; finished lines are kept.</summary>
    public bool TryCancel(DateTimeOffset now)
    {
        if (Status is not (BatchStatus.Validating or BatchStatus.InProgress))
            return false;
        (Status, CancellingAt) = (BatchStatus.Cancelling, now);
        return true;
    }

    /// <summary>
    /// A finish begins: from here on a restarted finish writes the same files, and a batch that completes can no longer be cancelled.
    /// </summary>
    /// <param name="plan">Null when there is none. A cancellation may have come between the plan and its record.</param>
    /// <param name="completes">Every line has been run.</param>
    /// <param name="keys">Used unless an earlier finish has set its own.</param>
    public bool TrySettle(BatchPlan? plan, bool completes, ResultKeys keys, DateTimeOffset now)
    {
        if (IsTerminal)
            return false;
        if (completes && Status == BatchStatus.InProgress)
            (Status, FinalizingAt) = (BatchStatus.Finalizing, now);
        if (plan is not null)
            (Model, TotalLines) = (plan.Model, plan.NumLines);
        OutputFileKey ??= keys.Output;
        ErrorFileKey ??= keys.Errors;
        return true;
    }

    /// <summary>
    /// The results are visible: the batch becomes terminal. A batch that is cancelling ends as cancelled, even where its window ends.
    /// </summary>
    /// <param name="ending">Completed, expired or cancelled.</param>
    public bool TryEnd(BatchStatus ending, BatchResults results, DateTimeOffset now)
    {
        switch (Status, ending)
        {
            case (BatchStatus.Cancelling, _):
                (Status, CancelledAt) = (BatchStatus.Cancelled, now);
                break;
            case (BatchStatus.Validating or BatchStatus.InProgress or BatchStatus.Finalizing, BatchStatus.Completed):
                (Status, CompletedAt) = (BatchStatus.Completed, now);
                break;
            case (BatchStatus.Validating or BatchStatus.InProgress, BatchStatus.Expired):
                (Status, ExpiredAt) = (BatchStatus.Expired, now);
                break;
            default:
                return false;
        }
        (CompletedLines, FailedLines) = (results.Counts.Completed, results.Counts.Failed);
        ErrorCounts = results.Counts.Errors.IsEmpty ? null : results.Counts.Errors.ToString();
        (PromptTokens, CompletionTokens) = (results.Counts.PromptTokens, results.Counts.CompletionTokens);
        (OutputFileId, ErrorFileId) = (results.OutputFileId, results.ErrorFileId);
        return true;
    }

    /// <summary>Finishing has failed for <see cref="BatchTimes.GiveUpAfter"/>.</summary>
    /// <param name="errors">A JSON array.</param>
    public bool TryGiveUp(string errors, DateTimeOffset now) =>
        !IsTerminal && now >= (FinalizingAt ?? CancellingAt ?? ExpiresAt) + BatchTimes.GiveUpAfter && Fail(errors, now);

    private bool Fail(string errors, DateTimeOffset now)
    {
        (Status, FailedAt, Errors) = (BatchStatus.Failed, now, errors);
        return true;
    }
}
