namespace LLaDA.Batch.Testing;

/// <summary>One batch and what happens to it.</summary>
/// <param name="AtCall">The call to storage that meets the fault, from 1 on.</param>
/// <param name="IsRetried">Whether the storage client tries a failed call again.</param>
/// <param name="IsTwice">Every message is delivered twice, at once, to two processes.</param>
/// <param name="HasTwoWorkers">Two processes take messages at the same time.</param>
/// <param name="IsCancelled">It is cancelled once its planning was tried.</param>
public sealed record TrialOptions(
    Fault Fault, int AtCall, bool IsRetried = false, bool IsTwice = false, bool HasTwoWorkers = false, bool IsCancelled = false);
