using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;

namespace LLaDA.Batch.Worker.Training;

/// <summary>A file of a job cannot be learnt from.</summary>
/// <param name="param">The file, by the name of its parameter.</param>
public sealed class TrainingFileException(string param, string code, string message) : Exception(message)
{
    public string Param { get; } = param;

    public string Code { get; } = code;
}

/// <summary>The data of a job, tokenized by its model: what the plan could not check, whether a line fits the context, is checked here before the first step.</summary>
/// <remarks>An answer that is too long is cut at its end, as OpenAI's service does; a prompt that leaves no room for one is a fault.</remarks>
internal sealed class TrainingData : IDisposable
{
    private TrainingData(ITrainingData training, ITrainingData? validation) => (Training, Validation) = (training, validation);

    public ITrainingData Training { get; }

    /// <summary>Null where the job has none.</summary>
    public ITrainingData? Validation { get; }

    /// <param name="validationPath">Null where the job has none.</param>
    /// <exception cref="TrainingFileException">Names lines.</exception>
    public static TrainingData Open(FineTuningJobRecord job, string trainingPath, string? validationPath, LLaDATokenizer tokenizer, int contextLength)
    {
        var training = OpenFile(job, "training_file", trainingPath, tokenizer, contextLength, job.Seed);
        try
        {
            return new TrainingData(training, validationPath is null ? null : OpenFile(job, "validation_file", validationPath, tokenizer, contextLength, Trainer.ValidationSeed));
        }
        catch
        {
            (training as IDisposable)?.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        (Training as IDisposable)?.Dispose();
        (Validation as IDisposable)?.Dispose();
    }

    private static ITrainingData OpenFile(FineTuningJobRecord job, string param, string path, LLaDATokenizer tokenizer, int contextLength, long seed)
    {
        try
        {
            return job.Method == FineTuningMethod.Pretrain
                ? OpenText(path, tokenizer, contextLength, seed)
                : new FineTuningData(path, tokenizer, new FineTuningOptions { MaxLength = contextLength, LongExamples = LongExamples.Cut, Seed = seed });
        }
        catch (TrainingDataException exception)
        {
            throw new TrainingFileException(param, $"invalid_{param}", string.Join("; ", exception.Faults));
        }
    }

    /// <summary>Text is packed beside its file first: it may be larger than memory.</summary>
    private static TokenSequences OpenText(string path, LLaDATokenizer tokenizer, int contextLength, long seed)
    {
        const int minTokens = 32;
        string packed = path + ".tokens";
        long count = TokenFile.Write(packed, tokenizer, TextDocuments.Read(path));
        return count >= minTokens
            ? TrainingRecipe.Sequences(TokenFile.Open(packed, tokenizer.NumTokens), contextLength, seed)
            : throw new TrainingDataException(path, [$"the text has {count} tokens; at least {minTokens} are needed"]);
    }
}
