namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>A later run has begun, or the job has ended: the run must not write any more.</summary>
public sealed class StaleRunException(string job, int run) : Exception($"{job}: run {run} is no longer the current run");
