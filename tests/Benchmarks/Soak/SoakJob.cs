namespace LLaDA.Batch.Benchmarks.Soak;

/// <summary>When a write was made: between the sending of a request and the arrival of its answer.</summary>
internal sealed record WriteTime(DateTimeOffset Asked, DateTimeOffset Answered);

/// <summary>A batch or a fine-tuning job that the service has accepted.</summary>
/// <param name="Path">Of its object.</param>
/// <param name="NumLines">Of a batch; 0 for a fine-tuning job.</param>
/// <param name="Uploaded">The upload of its file.</param>
/// <param name="Accepted">Its own creation.</param>
internal sealed record SoakJob(string Kind, string Path, int NumLines, bool IsCancelled, WriteTime Uploaded, WriteTime Accepted);

/// <summary>A process that was killed.</summary>
internal sealed record Kill(string Program, DateTimeOffset At);
