using System.Text;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Grading;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Diffusion.Data.Examples;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>
/// Checks a line of training data before a worker sees it. Only whether it fits the model's context is left to the worker's tokenizer.
/// </summary>
internal static class TrainingLine
{
    /// <param name="grader">Of a job of reinforcement: it must be able to judge answers to the line.</param>
    /// <returns>The line's fault, as a sentence; null where there is none.</returns>
    public static string? Fault(TextLine line, FineTuningMethod method, Grader? grader = null)
    {
        if (line.Bytes is null)
            return "it is longer than allowed";
        try
        {
            switch (method)
            {
                case FineTuningMethod.Pretrain:
                    ExampleReader.ReadText(line.Bytes);
                    break;
                case FineTuningMethod.Dpo:
                    ExampleReader.ReadPreference(line.Bytes);
                    break;
                case FineTuningMethod.Reinforcement:
                    ExampleReader.ReadPrompt(line.Bytes);
                    return grader?.Fault(Encoding.UTF8.GetString(line.Bytes).TrimStart('\uFEFF'));
                default:
                    ExampleReader.ReadSupervised(line.Bytes);
                    break;
            }
            return null;
        }
        catch (FormatException exception)
        {
            return exception.Message;
        }
    }
}
