namespace LLaDA.Batch.Local;

/// <summary>The stack cannot start or go on; the message is one sentence for the person at the terminal.</summary>
public sealed class StackException(string message) : Exception(message);
