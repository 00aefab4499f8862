using System.CommandLine;
using LLaDA.Batch.Terminal;
using LLaDA.Batch.Train.BundledData;
using LLaDA.Batch.Train.Evaluating;
using LLaDA.Batch.Train.Texts;
using LLaDA.Batch.Train.Training;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reinforcement;

namespace LLaDA.Batch.Train;

/// <summary>All commands. A command that fails reports one sentence on the error stream.</summary>
internal static class CommandLine
{
    /// <summary>128 + SIGINT, as shells report it.</summary>
    private const int Interrupted = 130;

    private const int Failed = 1;

    /// <summary>How long a command may take to stop after Ctrl-C: at most one training step.</summary>
    private static readonly TimeSpan s_stopTime = TimeSpan.FromMinutes(1);

    /// <returns>0; 1 for wrong arguments or a failure; 130 after Ctrl-C.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        try
        {
            return await Create().RunAsync(args, new()
            {
                EnableDefaultExceptionHandler = false,
                Output = output,
                Error = error,
                ProcessTerminationTimeout = s_stopTime,
            });
        }
        catch (OperationCanceledException)
        {
            await error.WriteLineAsync("Stopped");
            return Interrupted;
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
        PreferencesCommand.Create(),
        TokenizerCommand.Create(),
        PackCommand.Create(),
        PretrainCommand.Create(),
        SftCommand.Create(),
        DpoCommand.Create(),
        ReinforceCommand.Create(),
        EvaluateCommand.Create(),
        AnswersCommand.Create(),
    };

    /// <returns>Null for an unexpected exception: a defect of this program.</returns>
    private static string? Explain(Exception exception) => exception switch
    {
        AggregateException many when many.InnerExceptions.Count > 0 => Explain(many.InnerExceptions[^1]),
        CheckpointException or TrainingDataException or LibTorchMissingException or TrainingDivergedException or TrainingMemoryException
            or RewardException or InvalidDataException or ArgumentException or IOException
            or UnauthorizedAccessException => exception.Message,
        _ => null,
    };
}
