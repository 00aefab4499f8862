namespace LLaDA.Batch.Shared.Queues;

/// <summary>The message cannot be worked on now, through no fault of its own: it is to be seen again after a while.</summary>
public sealed class TryAgainException(TimeSpan delay, string reason) : Exception(reason)
{
    public TimeSpan Delay { get; } = delay;
}
