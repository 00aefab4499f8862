using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;

namespace LLaDA.Batch.Worker.Training;

/// <summary>
/// The data of a job, tokenized by its model. Whether a line fits the context, which the plan could not check, is checked here.
/// </summary>
/// <remarks>A prompt that leaves no room for an answer is an error unless long examples are skipped.</remarks>
internal sealed class TrainingData : IDisposable
{
    private TrainingData(ITrainingData training, ITrainingData? validation) => (Training, Validation) = (training, validation);

    public ITrainingData Training { get; }

    /// <summary>Null where the job has none.</summary>
    public ITrainingData? Validation { get; }

    /// <summary>How many examples are longer than the context, and what became of them, as a sentence; null where all fit.</summary>
    public string? LongExamples
    {
        get
        {
            string[] counts = [.. Counts("training_file", Training).Concat(Counts("validation_file", Validation))];
            return counts.Length > 0 ? string.Join("; ", counts) : null;
        }
    }

    /// <param name="validationPath">Null where the job has none.</param>
    /// <param name="config">Of the model that is trained, with its virtual tokens.</param>
    /// <exception cref="TrainingFileException">Names lines.</exception>
    public static TrainingData Open(
        FineTuningJobRecord job, string trainingPath, string? validationPath, LLaDATokenizer tokenizer, LLaDAConfig config)
    {
        var training = OpenFile(job, "training_file", trainingPath, tokenizer, config, job.Seed);
        try
        {
            var validation = validationPath is null
                ? null
                : OpenFile(job, "validation_file", validationPath, tokenizer, config, Trainer.ValidationSeed);
            return new TrainingData(training, validation);
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

    private static ITrainingData OpenFile(
        FineTuningJobRecord job, string param, string path, LLaDATokenizer tokenizer, LLaDAConfig config, long seed)
    {
        try
        {
            return job.Method switch
            {
                FineTuningMethod.Pretrain => OpenText(path, tokenizer, config.ContextLength, seed),
                FineTuningMethod.Dpo => new PreferenceData(path, tokenizer, Options(job, config, seed)),
                FineTuningMethod.Reinforcement => OpenPrompts(job, path, tokenizer, config, seed),
                _ => new FineTuningData(path, tokenizer, Options(job, config, seed)),
            };
        }
        catch (TrainingDataException exception)
        {
            throw new TrainingFileException(param, $"invalid_{param}", string.Join("; ", exception.Faults));
        }
    }

    private static FineTuningOptions Options(FineTuningJobRecord job, LLaDAConfig config, long seed) => new()
    {
        MaxLength = config.ContextLength,
        LearnsPadding = DiffusionObjective.Of(config).LearnsPadding,
        LongExamples = job.LongExamples switch
        {
            Shared.FineTuning.LongExamples.Skip => Diffusion.Data.LongExamples.Skip,
            Shared.FineTuning.LongExamples.Fail => Diffusion.Data.LongExamples.Fail,
            _ => Diffusion.Data.LongExamples.Cut,
        },
        Seed = seed,
    };

    private static IEnumerable<string> Counts(string param, ITrainingData? data)
    {
        if (data is not ExampleData examples)
            yield break;
        var (all, cut, skipped) = (examples.NumRows + examples.NumSkipped, examples.NumCut, examples.NumSkipped);
        string length = $"longer than the model's context of {examples.ContextLength} tokens";
        if (cut > 0)
            yield return $"{cut} of {all} examples of {param} are {length}: the ends of their answers are cut off";
        if (skipped > 0)
            yield return $"{skipped} of {all} examples of {param} are {length} and left out";
    }

    private static PromptData OpenPrompts(FineTuningJobRecord job, string path, LLaDATokenizer tokenizer, LLaDAConfig config, long seed)
    {
        var settings = ReinforcementSettings.Parse(job.Reinforcement!);
        if (config.IsCausal)
            throw new TrainingFileException("model", "model_not_usable", "The model is an autoregressive twin, which does not sample");
        if (TrainingRecipe.Reinforcement(settings).SamplingErrors(config).FirstOrDefault() is { } error)
            throw new TrainingFileException("method", "invalid_hyperparameters", error.Sentence);
        return new PromptData(path, tokenizer, Options(job, config, seed), settings.MaxTokens!.Value);
    }

    /// <summary>Packs the tokens into a file, because the text may be larger than memory.</summary>
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
