namespace LLaDA.Batch.Cli.Operating;

/// <summary>What was asked for cannot be done; the message says why in one sentence.</summary>
/// <param name="exitCode">One of <see cref="ExitCodes"/>.</param>
internal sealed class OperatorException(string message, int exitCode = ExitCodes.Refused) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}

/// <summary>What the process returns.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>Wrong arguments, or it could not be done.</summary>
    public const int Refused = 1;

    /// <summary>There is no such key, model, container, job or queue.</summary>
    public const int NotFound = 2;
}
