namespace LLaDA.Batch.Shared.Batches;

/// <summary>Why a line was not run; returned as its error.</summary>
public sealed record NotRunReason(string Code, string Message)
{
    public static NotRunReason Cancelled { get; } = new("batch_cancelled", "The batch was cancelled before this line was finished");

    public static NotRunReason Expired { get; } =
        new("batch_expired", "The batch's completion window ended before this line was finished");

    /// <summary>A line whose request storage has lost.</summary>
    public static NotRunReason Lost { get; } = new("server_error", "The server lost the stored request of this line; submit it again");

    /// <summary>A line that ends its worker even when it is run alone.</summary>
    public static NotRunReason Failed { get; } = new("server_error", "The server failed repeatedly while it ran this line alone");
}
