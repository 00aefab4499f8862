using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>A way in which a batch ends, and what it tells the lines that were not run.</summary>
internal sealed record BatchEnding(BatchStatus Status, NotRunReason Reason, Action<BatchRecord, DateTimeOffset> SetTime)
{
    public static BatchEnding Completed { get; } = new(BatchStatus.Completed, NotRunReason.Failed, (batch, now) => batch.CompletedAt = now);

    public static BatchEnding Cancelled { get; } = new(BatchStatus.Cancelled, NotRunReason.Cancelled, (batch, now) => batch.CancelledAt = now);

    public static BatchEnding Expired { get; } = new(BatchStatus.Expired, NotRunReason.Expired, (batch, now) => batch.ExpiredAt = now);

    public void Apply(BatchRecord batch, DateTimeOffset now)
    {
        batch.Status = Status;
        SetTime(batch, now);
    }
}
