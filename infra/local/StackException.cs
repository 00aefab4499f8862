namespace LLaDA.Batch.Local;

/// <summary>The stack cannot start or continue. The message is one sentence for the person at the terminal.</summary>
public sealed class StackException(string message) : Exception(message);
