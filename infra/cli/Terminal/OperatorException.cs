namespace LLaDA.Batch.Cli.Terminal;

/// <summary>A command cannot be done. The message is one sentence with the reason.</summary>
/// <param name="exitCode">One of <see cref="ExitCodes"/>.</param>
internal sealed class OperatorException(string message, int exitCode = ExitCodes.Refused) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}

/// <summary>Exit codes of the process.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>The arguments are wrong, or the command could not be done.</summary>
    public const int Refused = 1;

    /// <summary>The named key, model, container, job or queue does not exist.</summary>
    public const int NotFound = 2;

    /// <summary>Ctrl-C: 128 + SIGINT, as shells report it.</summary>
    public const int Interrupted = 130;
}
