namespace LLaDA.Batch.Shared.Batches;

/// <summary>What a line is told that nobody ran.</summary>
public sealed record NotRunReason(string Code, string Message)
{
    public static NotRunReason Cancelled { get; } = new("batch_cancelled", "The batch was cancelled before this line was run");

    public static NotRunReason Expired { get; } = new("batch_expired", "The batch's completion window ended before this line was run");

    /// <summary>A line that ends its worker even when it is run alone.</summary>
    public static NotRunReason Failed { get; } = new("server_error", "The server failed again and again while it ran this line alone");
}
