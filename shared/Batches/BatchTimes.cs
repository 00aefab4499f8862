namespace LLaDA.Batch.Shared.Batches;

/// <summary>The times of a batch's life that more than one room must agree on.</summary>
public static class BatchTimes
{
    /// <summary>How long the workers of a cancelled or expired batch have to write the lines that they finished.</summary>
    public static readonly TimeSpan CancelGrace = TimeSpan.FromSeconds(10);

    /// <summary>How often a worker checks whether the batch of its shard is still wanted.</summary>
    public static readonly TimeSpan CancelCheckInterval = TimeSpan.FromSeconds(3);

    /// <summary>How long finishing may fail before the batch fails: its lines have cost far more than another attempt does.</summary>
    public static readonly TimeSpan GiveUpAfter = TimeSpan.FromHours(1);
}
