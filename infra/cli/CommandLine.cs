using System.CommandLine;
using Azure;
using Azure.Identity;
using LLaDA.Batch.Cli.Access;
using LLaDA.Batch.Cli.Answers;
using LLaDA.Batch.Cli.Batches;
using LLaDA.Batch.Cli.Evaluating;
using LLaDA.Batch.Cli.Files;
using LLaDA.Batch.Cli.Jobs;
using LLaDA.Batch.Cli.Models;
using LLaDA.Batch.Cli.Poison;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Subscriptions;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Cli.Tuning;
using LLaDA.Batch.Cli.Usage;
using LLaDA.Batch.Client.Wire;
using LLaDA.Batch.Terminal;
using LLaDA.Diffusion;

namespace LLaDA.Batch.Cli;

/// <summary>All commands. A command that fails reports one sentence on the error stream.</summary>
internal static class CommandLine
{
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        try
        {
            return await Create().RunAsync(args, new() { EnableDefaultExceptionHandler = false, Output = output, Error = error });
        }
        catch (OperatorException exception)
        {
            await error.WriteLineAsync(exception.Message);
            return exception.ExitCode;
        }
        catch (OperationCanceledException)
        {
            await error.WriteLineAsync("Stopped");
            return ExitCodes.Interrupted;
        }
        catch (ServiceException failure)
        {
            await error.WriteLineAsync(failure.RequestId is { } request ? $"{failure.Message} ({request})" : failure.Message);
            return failure.Status switch { 401 => ExitCodes.NoKey, 404 => ExitCodes.NotFound, _ => ExitCodes.Refused };
        }
        catch (Exception exception) when (Explain(exception) is { } sentence)
        {
            await error.WriteLineAsync(sentence);
            return ExitCodes.Refused;
        }
    }

    internal static RootCommand Create() => new("Fills texts, runs batches and trains models with LLaDA.Batch")
    {
        LoginCommand.Create(),
        FillCommand.Create(),
        ChatCommand.Create(),
        BatchesCommand.Create(),
        FilesCommand.Create(),
        TuneCommand.Create(),
        EvaluateCommand.Create(),
        SchedulesCommand.Create(),
        WebhooksCommand.Create(),
        ServiceModelsCommand.Create(),
        TenantUsageCommand.Create(),
        DoctorCommand.Create(),
        CompletionsCommand.Create(),
        Admin(),
    };

    /// <summary>What operators do, on the storage account itself.</summary>
    private static Command Admin() => new("admin", "Operates a service, by its storage account")
    {
        KeysCommand.Create(),
        ContainersCommand.Create(),
        TenantsCommand.Create(),
        ModelsCommand.Create(),
        JobsCommand.Create(),
        UsageCommand.Create(),
        PoisonCommand.Create(),
    };

    /// <returns>Null for an unexpected exception: a defect of this program.</returns>
    private static string? Explain(Exception exception) => exception switch
    {
        RequestFailedException { ErrorCode: "TableNotFound" or "ContainerNotFound" or "QueueNotFound" } =>
            "This storage account holds no LLaDA.Batch: deploy it first",
        RequestFailedException { Status: 401 or 403 } denied =>
            $"Storage refuses this identity ({denied.ErrorCode}): it needs the roles for blobs, queues and tables of the account",
        RequestFailedException { Status: 0 } or HttpRequestException =>
            "The storage account cannot be reached: check its name, and that the local stack is up",
        RequestFailedException failed => $"Storage answers {failed.Status}: {failed.ErrorCode ?? failed.Message}",
        AuthenticationFailedException failed =>
            $"No identity is available to reach the account ({FirstLine(failed.Message)}): run 'az login'",
        AggregateException many when many.InnerExceptions.Count > 0 => Explain(many.InnerExceptions[^1]),
        // Without the parameter, whose name is the program's own.
        ArgumentException { ParamName: not null } invalid => invalid.Message[..invalid.Message.LastIndexOf(" (", StringComparison.Ordinal)],
        CheckpointException or InvalidDataException or ArgumentException or IOException or UnauthorizedAccessException => exception.Message,
        _ => null,
    };

    private static string FirstLine(string text) => text.Split('\n')[0].Trim().TrimEnd('.');
}
