using System.CommandLine;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Training;

namespace LLaDA.Batch.Train;

/// <summary>All commands. A command that fails reports one sentence on the error stream and exits with code 1.</summary>
internal static class CommandLine
{
    private const int Failed = 1;

    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        try
        {
            return await Create().Parse(args).InvokeAsync(new() { EnableDefaultExceptionHandler = false, Output = output, Error = error });
        }
        catch (Exception exception) when (Explain(exception) is { } sentence)
        {
            await error.WriteLineAsync(sentence);
            return Failed;
        }
    }

    private static RootCommand Create() => new("Trains and evaluates models.")
    {
        CorpusCommand.Create(),
        InstructionsCommand.Create(),
        TokenizerCommand.Create(),
        PackCommand.Create(),
        PretrainCommand.Create(),
        SftCommand.Create(),
        EvaluateCommand.Create(),
        AnswersCommand.Create(),
    };

    /// <returns>Null for an unexpected exception: a defect of this program.</returns>
    private static string? Explain(Exception exception) => exception switch
    {
        AggregateException many when many.InnerExceptions.Count > 0 => Explain(many.InnerExceptions[^1]),
        CheckpointException or TrainingDataException or LibTorchMissingException or TrainingDivergedException or TrainingMemoryException
            or InvalidDataException or ArgumentException or IOException or UnauthorizedAccessException => exception.Message,
        OperationCanceledException => "Stopped",
        _ => null,
    };
}
