using System.CommandLine;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Batch.Train.Texts;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train.Training;

/// <summary>Pretrains a model from scratch or from another model, or resumes from the run's last checkpoint.</summary>
internal sealed class PretrainCommand
{
    private const double FinalRate = 0.02, DecayShare = 0.3;

    private readonly Option<string> _text = new("--text")
    {
        Description = $"Training text: {Documents.Description}; or a file that pack wrote",
        Required = true,
    };

    private readonly Option<string> _validation = new("--validation") { Description = "Held-out text, in the same forms", Required = true };
    private readonly Option<DirectoryInfo> _tokenizer = new("--tokenizer") { Description = "Folder with tokenizer.json", Required = true };
    private readonly Option<int> _steps = Number("--steps", "Training steps of the whole run", 2000);
    private readonly Option<int> _length = Number("--sequence-length", "Tokens of a training sequence", 256);
    private readonly Option<int> _width = Number("--width", "Width of the model", 256);
    private readonly Option<int> _layers = Number("--layers", "Transformer blocks", 6);
    private readonly Option<int> _heads = Number("--heads", "Attention heads of a block", 4);
    private readonly Option<int> _maxLength = Number("--max-length", "Context of the model in tokens", 512);
    private readonly Option<double> _randomLength = new("--random-length-ratio")
    {
        Description = "Share of the steps whose sequences are cut to a random length",
        DefaultValueFactory = _ => 0.01,
    };

    private readonly Option<DirectoryInfo?> _from = new("--from")
    {
        Description = "Folder of a model to start from, with the same tokenizer. Its sizes are kept",
    };

    private readonly Option<bool> _causal = new("--causal")
    {
        Description = "Trains the autoregressive twin: the same blocks with a causal mask, predicting the next token",
    };

    private readonly RunOptions _run = new(batchSize: 32, learningRate: 2e-3, warmupSteps: 100);

    public static Command Create()
    {
        var options = new PretrainCommand();
        var command = new Command("pretrain", "Pretrains a model")
        {
            options._text, options._validation, options._tokenizer, options._steps, options._length, options._width, options._layers,
            options._heads, options._randomLength, options._maxLength, options._from, options._causal,
        };
        options._run.AddTo(command);
        command.SetAction((parse, cancellation) => Task.Run(() => options.Run(parse, cancellation), cancellation));
        return command;
    }

    private void Run(ParseResult parse, CancellationToken cancellation)
    {
        LibTorch.Load();
        string tokenizer = parse.GetRequiredValue(_tokenizer).FullName;
        var vocabulary = new LLaDATokenizer(tokenizer);
        if (vocabulary.MaskId is null)
            throw new CheckpointException(tokenizer, "has no mask token");
        var options = _run.Training(parse, parse.GetValue(_steps), FinalRate, DecayShare) with
        {
            RandomLengthRatio = parse.GetValue(_randomLength),
        };
        Require(options.Validate());
        string? source = parse.GetValue(_from)?.FullName;
        var config = source is null ? Config(parse, vocabulary) : LLaDAConfigJson.Read(Path.Combine(source, Checkpoint.ConfigFile));
        RequireFit(parse, vocabulary, config, source);

        var (folder, output, computeType) = (_run.Run(parse), _run.Output(parse), _run.ComputeType(parse));
        int length = parse.GetValue(_length);
        TokenSequences Sequences(string path, string name, long seed) =>
            new(Documents.Pack(path, vocabulary, Path.Combine(folder, name)), length, seed);
        using var training = Sequences(parse.GetRequiredValue(_text), "training.tokens", options.Seed);
        using var heldOut = Sequences(parse.GetRequiredValue(_validation), "validation.tokens", Trainer.ValidationSeed);
        TrainingMemory.Require(config, config.NumParameters, ScalarType.Float32, computeType, options, training.MaxLength, CPU);
        using var model = source is null
            ? Initialize(config, computeType, options.Seed)
            : Checkpoint.Load(source, CPU, ScalarType.Float32, computeType);

        int numSteps = options.LearningRate.NumSteps;
        double epochs = (double)numSteps * options.BatchSize / training.NumRows;
        Console.WriteLine(
            $"{model.Config.NumParameters:N0} parameters, {training.NumRows:N0} sequences of {length} tokens, {epochs:F1} epochs");
        var run = new ConsoleRun(folder, numSteps, parse.InvocationConfiguration.Output);
        run.Train(new Trainer(new FullWeights(model), training, heldOut, options, folder), cancellation);
        ConsoleRun.Save(model, tokenizer, output);
        run.Finish($"The model is in {output}", config.IsCausal
            ? "evaluate --twin compares it with its diffusion model"
            : "evaluate measures it on held-out text, sft fine-tunes it, and 'llada admin models add' adds it to a service");
    }

    private void RequireFit(ParseResult parse, LLaDATokenizer vocabulary, LLaDAConfig config, string? source)
    {
        if (config.EmbeddingSize < vocabulary.NumTokens || config.MaskTokenId != vocabulary.MaskId)
            throw new CheckpointException(source!, "was trained with another tokenizer");
        if (parse.GetValue(_causal) && !config.IsCausal)
            throw new CheckpointException(source!, "is a diffusion model; --causal trains a twin from scratch, without --from");
        if (config.IsCausal && _run.ClipsNoise(parse))
            throw new ArgumentException("A causal network is trained without noise: --min-noise and --max-noise go with diffusion models");
        Require(config.Validate());
        int length = parse.GetValue(_length);
        if (length > config.MaxSequenceLength)
        {
            throw new ArgumentException(
                $"--sequence-length is {length}; it must be at most {config.MaxSequenceLength}, the context of the model");
        }
    }

    private static void Require(IEnumerable<string> errors)
    {
        if (errors.ToList() is { Count: > 0 } sentences)
            throw new ArgumentException(string.Join("; ", sentences));
    }

    private static MaskPredictor Initialize(LLaDAConfig config, ScalarType computeType, long seed)
    {
        var model = new MaskPredictor(config, CPU, ScalarType.Float32, computeType);
        model.Initialize(seed);
        return model;
    }

    private LLaDAConfig Config(ParseResult parse, LLaDATokenizer tokenizer) => new()
    {
        ModelWidth = parse.GetValue(_width),
        NumLayers = parse.GetValue(_layers),
        NumHeads = parse.GetValue(_heads),
        NumKeyValueHeads = parse.GetValue(_heads),
        FeedForwardWidth = 3 * parse.GetValue(_width),
        VocabularySize = tokenizer.NumTokens,
        EmbeddingSize = tokenizer.NumTokens,
        MaxSequenceLength = parse.GetValue(_maxLength),
        RopeTheta = 10_000,
        TiesWeights = true,
        IsCausal = parse.GetValue(_causal),
        MaskTokenId = tokenizer.MaskId!.Value,
        EosTokenId = tokenizer.EndOfTextId,
        PadTokenId = tokenizer.EndOfTextId,
        EotTokenId = tokenizer.EndOfTurnId,
    };

    private static Option<int> Number(string name, string description, int defaultValue) =>
        new Option<int>(name) { Description = description, DefaultValueFactory = _ => defaultValue }.AtLeast(1);
}
