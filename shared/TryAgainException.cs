namespace LLaDA.Batch.Shared;

/// <summary>The message cannot be processed now, through no fault of its own: it becomes visible again after a delay.</summary>
public sealed class TryAgainException(TimeSpan delay, string reason) : Exception(reason)
{
    public TimeSpan Delay { get; } = delay;
}
