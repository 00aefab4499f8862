namespace LLaDA.Batch.Functions;

/// <summary>What the service takes at most (section <c>Limits</c>): every layer that limits reads it here.</summary>
public sealed record ServiceLimits
{
    public const string Section = "Limits";

    /// <summary>The largest upload; OpenAI's is the same for batches.</summary>
    public long MaxFileBytes { get; init; } = 200L << 20;

    /// <summary>Requests of a batch.</summary>
    public int MaxLines { get; init; } = 50_000;

    /// <summary>Bytes of a request, and of a document.</summary>
    public int MaxLineBytes { get; init; } = 10 << 20;

    /// <summary>Batches of a tenant that have not ended.</summary>
    public int MaxActiveBatches { get; init; } = 200;

    /// <summary>Bytes of the inputs of a tenant's batches that have not ended, and of the documents of one folder.</summary>
    public long MaxActiveBytes { get; init; } = 4L << 30;

    /// <summary>Batches of all tenants that wait to be planned, and likewise fine-tuning jobs.</summary>
    public int MaxQueuedPlans { get; init; } = 1_000;

    /// <summary>Fine-tuning jobs of a tenant that have not ended.</summary>
    public int MaxActiveTrainings { get; init; } = 50;

    /// <summary>Schedules of a tenant.</summary>
    public int MaxSchedules { get; init; } = 100;

    /// <summary>An upload with the frame around its file.</summary>
    public long MaxRequestBytes => MaxFileBytes + (1 << 20);

    public IEnumerable<string> Validate()
    {
        if (MaxFileBytes < 1 || MaxLines < 1 || MaxLineBytes < 1 || MaxActiveBatches < 1 || MaxActiveBytes < 1 || MaxQueuedPlans < 1 || MaxActiveTrainings < 1 || MaxSchedules < 1)
            yield return $"All of {Section} must be at least 1";
    }
}
