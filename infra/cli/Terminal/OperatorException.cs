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

    /// <summary>The command could not be done.</summary>
    public const int Refused = 1;

    /// <summary>The arguments are wrong.</summary>
    public const int Usage = 2;

    /// <summary>The named file, key, model, container, job or queue does not exist.</summary>
    public const int NotFound = 3;

    /// <summary>No service is known, or it does not accept the key.</summary>
    public const int NoKey = 4;

    /// <summary>The batch ended, and lines failed or were not run.</summary>
    public const int LinesFailed = 5;

    /// <summary>Ctrl-C: 128 + SIGINT, as shells report it.</summary>
    public const int Interrupted = 130;
}
