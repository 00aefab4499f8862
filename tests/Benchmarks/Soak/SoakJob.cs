namespace LLaDA.Batch.Benchmarks.Soak;

/// <summary>A batch or a fine-tuning job that the service has accepted.</summary>
/// <param name="Path">Of its object.</param>
/// <param name="NumLines">Of a batch; 0 for a fine-tuning job.</param>
/// <param name="UploadedAt">When the upload of its file was acknowledged.</param>
/// <param name="AcceptedAt">When it was acknowledged itself.</param>
internal sealed record SoakJob(
    string Kind, string Path, int NumLines, bool IsCancelled, DateTimeOffset UploadedAt, DateTimeOffset AcceptedAt);

/// <summary>A process that was killed.</summary>
internal sealed record Kill(string Program, DateTimeOffset At);
