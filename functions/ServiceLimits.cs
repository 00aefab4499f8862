namespace LLaDA.Batch.Functions;

/// <summary>The limits of the service (section <c>Limits</c>), the same for every layer.</summary>
public sealed record ServiceLimits
{
    public const string Section = "Limits";

    /// <summary>Bytes of the form around an uploaded file.</summary>
    public const int FormBytes = 64 << 10;

    /// <summary>Bytes of a file; OpenAI's limit is the same for batches.</summary>
    public long MaxFileBytes { get; init; } = 200L << 20;

    /// <summary>Bytes of a file that comes in parts; OpenAI's limit is the same.</summary>
    public long MaxMultipartBytes { get; init; } = 8L << 30;

    /// <summary>
    /// Bytes of a request's body: by default a file with the form around it. On Azure less, since the host keeps bodies in memory.
    /// </summary>
    public long MaxRequestBytes { get => field > 0 ? field : MaxFileBytes + FormBytes; init; }

    /// <summary>Bytes of a file that comes in one request.</summary>
    public long MaxUploadBytes => Math.Min(MaxFileBytes, MaxRequestBytes - FormBytes);

    /// <summary>Requests of a batch.</summary>
    public int MaxLines { get; init; } = 50_000;

    /// <summary>Bytes of a request, and of a document.</summary>
    public int MaxLineBytes { get; init; } = 10 << 20;

    /// <summary>
    /// Work of a request, in seconds at the measured speed of its model; a request with more is an error of its line.
    /// </summary>
    public int MaxLineWork { get; init; } = 3_600;

    /// <summary>Batches of a tenant that have not ended.</summary>
    public int MaxActiveBatches { get; init; } = 200;

    /// <summary>Answers at once of a tenant that are in work.</summary>
    public int MaxActiveAnswers { get; init; } = 256;

    /// <summary>Bytes of the inputs of a tenant's unfinished batches, and of the documents of one folder.</summary>
    public long MaxActiveBytes { get; init; } = 4L << 30;

    /// <summary>Batches of all tenants that wait to be planned, and likewise fine-tuning jobs.</summary>
    public int MaxQueuedPlans { get; init; } = 1_000;

    /// <summary>Fine-tuning jobs of a tenant that have not ended.</summary>
    public int MaxActiveTrainings { get; init; } = 50;

    /// <summary>
    /// Fine-tuning jobs of a tenant that are in the queue of a profile or run: at least as many as the profile has trainers.
    /// </summary>
    public int MaxTrainingsAtOnce { get; init; } = 4;

    /// <summary>Bytes of all files of a tenant, results included. Operators set this and the next three for single tenants too.</summary>
    public long MaxStoredBytes { get; init; } = 100L << 30;

    /// <summary>Files of a tenant, results included.</summary>
    public int MaxStoredFiles { get; init; } = 20_000;

    /// <summary>Requests a second of an API key, for each process that serves the API.</summary>
    public int MaxRequestsPerSecond { get; init; } = 100;

    /// <summary>Uploads of a tenant at the same time, for each process that serves the API.</summary>
    public int MaxUploadsAtOnce { get; init; } = 16;

    /// <summary>Schedules of a tenant.</summary>
    public int MaxSchedules { get; init; } = 100;

    /// <returns>All errors of the section.</returns>
    public IEnumerable<string> Validate()
    {
        long[] limits =
        [
            MaxFileBytes, MaxMultipartBytes, MaxLines, MaxLineBytes, MaxLineWork, MaxActiveBatches, MaxActiveAnswers, MaxActiveBytes,
            MaxQueuedPlans, MaxActiveTrainings, MaxTrainingsAtOnce, MaxStoredBytes, MaxStoredFiles, MaxRequestsPerSecond,
            MaxUploadsAtOnce, MaxSchedules,
        ];
        if (limits.Any(limit => limit < 1))
            yield return $"All of {Section} must be at least 1";
        if (MaxRequestBytes <= FormBytes)
            yield return $"{Section}:{nameof(MaxRequestBytes)} must be more than {FormBytes}, the bytes of a form without its file";
    }
}
