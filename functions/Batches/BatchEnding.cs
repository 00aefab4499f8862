using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>How a batch ends.</summary>
/// <param name="Status">Its terminal state.</param>
/// <param name="Reason">The error of its lines that were not run.</param>
internal sealed record BatchEnding(BatchStatus Status, NotRunReason Reason)
{
    public static BatchEnding Completed { get; } = new(BatchStatus.Completed, NotRunReason.Failed);

    public static BatchEnding Cancelled { get; } = new(BatchStatus.Cancelled, NotRunReason.Cancelled);

    public static BatchEnding Expired { get; } = new(BatchStatus.Expired, NotRunReason.Expired);

    /// <summary>How a batch ends now; null when it does not.</summary>
    /// <param name="isComplete">Every shard has its part.</param>
    /// <param name="hasExpired">
    /// A part has lines that were not run because the window had ended, written by a worker or by an earlier finish.
    /// </param>
    public static BatchEnding? Of(BatchRecord batch, bool isComplete, bool hasExpired, DateTimeOffset now) => batch.Status switch
    {
        BatchStatus.Finalizing => Completed,
        BatchStatus.Cancelling when isComplete || now >= batch.CancellingAt + BatchTimes.CancelGrace => Cancelled,
        BatchStatus.Cancelling => null,
        _ when isComplete => hasExpired ? Expired : Completed,
        _ when now >= batch.ExpiresAt + BatchTimes.CancelGrace => Expired,
        _ => null,
    };
}
