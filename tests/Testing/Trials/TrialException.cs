namespace LLaDA.Batch.Testing;

/// <summary>Something that must hold did not; the message says what and where the fault was.</summary>
public sealed class TrialException(string message) : Exception(message);
