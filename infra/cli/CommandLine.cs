using System.CommandLine;
using Azure;
using Azure.Identity;
using LLaDA.Batch.Cli.Operating;
using LLaDA.Diffusion;

namespace LLaDA.Batch.Cli;

/// <summary>All commands. What cannot be done is told in one sentence, with an exit code.</summary>
internal static class CommandLine
{
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        try
        {
            return await Create().Parse(args).InvokeAsync(new() { EnableDefaultExceptionHandler = false, Output = output, Error = error });
        }
        catch (OperatorException exception)
        {
            await error.WriteLineAsync(exception.Message);
            return exception.ExitCode;
        }
        catch (Exception exception) when (Explain(exception) is { } sentence)
        {
            await error.WriteLineAsync(sentence);
            return ExitCodes.Refused;
        }
    }

    private static RootCommand Create() => new("Operates LLaDA.Batch.")
    {
        KeysCommand.Create(),
        ContainersCommand.Create(),
        ModelsCommand.Create(),
        JobsCommand.Create(),
        PoisonCommand.Create(),
    };

    /// <returns>Null for what nobody expects: a fault of this program.</returns>
    private static string? Explain(Exception exception) => exception switch
    {
        RequestFailedException { ErrorCode: "TableNotFound" or "ContainerNotFound" or "QueueNotFound" } => "This storage account holds no LLaDA.Batch: deploy it first",
        RequestFailedException { Status: 401 or 403 } denied => $"Storage refuses this identity ({denied.ErrorCode}): it needs the roles for blobs, queues and tables of the account",
        RequestFailedException { Status: 0 } or HttpRequestException => "The storage account cannot be reached: is its name right, and is the local stack up?",
        RequestFailedException failed => $"Storage answers {failed.Status}: {failed.ErrorCode ?? failed.Message}",
        AuthenticationFailedException failed => $"There is no identity to reach the account with: {failed.Message.Split('\n')[0].Trim()} (try 'az login')",
        AggregateException many when many.InnerExceptions.Count > 0 => Explain(many.InnerExceptions[^1]),
        CheckpointException or InvalidDataException or ArgumentException or IOException or UnauthorizedAccessException => exception.Message,
        OperationCanceledException => "Stopped",
        _ => null,
    };
}
