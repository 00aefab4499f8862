using System.CommandLine;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train;

/// <summary>Pretrains a model from scratch, or goes on from the run's last checkpoint.</summary>
internal static class PretrainCommand
{
    private const double FinalRate = 0.02, DecayShare = 0.3;

    public static Command Create()
    {
        var text = new Option<string>("--text") { Description = "To train on: " + Documents.Description + "; or a file that pack wrote", Required = true };
        var validation = new Option<string>("--validation") { Description = "Held out, in the same forms", Required = true };
        var tokenizer = new Option<DirectoryInfo>("--tokenizer") { Description = "Folder with tokenizer.json", Required = true };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 2000 };
        var length = new Option<int>("--sequence-length") { DefaultValueFactory = _ => 256 };
        var width = new Option<int>("--width") { DefaultValueFactory = _ => 256 };
        var layers = new Option<int>("--layers") { DefaultValueFactory = _ => 6 };
        var heads = new Option<int>("--heads") { DefaultValueFactory = _ => 4 };
        var randomLength = new Option<double>("--random-length-ratio") { Description = "Share of the steps cut to a random length", DefaultValueFactory = _ => 0.01 };
        var from = new Option<DirectoryInfo?>("--from") { Description = "Folder of a model to begin with, with the same tokenizer; its sizes are kept" };
        var maxLength = new Option<int>("--max-length") { Description = "Longest canvas of the model", DefaultValueFactory = _ => 512 };
        var causal = new Option<bool>("--causal") { Description = "An autoregressive twin instead: the same blocks with a causal mask, learning the next token" };
        var run = new RunOptions(batchSize: 32, learningRate: 2e-3, warmupSteps: 100);
        var command = new Command("pretrain", "Pretrains a model") { text, validation, tokenizer, steps, length, width, layers, heads, randomLength, maxLength, from, causal };
        run.AddTo(command);
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            LibTorch.Load();
            var vocabulary = new LLaDATokenizer(parse.GetRequiredValue(tokenizer).FullName);
            if (vocabulary.MaskId is null)
                throw new CheckpointException(parse.GetRequiredValue(tokenizer).FullName, "has no token for masks");
            var options = run.Training(parse, parse.GetValue(steps), FinalRate, DecayShare) with { RandomLengthRatio = parse.GetValue(randomLength) };
            Require(options.Validate());
            string? source = parse.GetValue(from)?.FullName;
            var config = source is null
                ? Config(vocabulary, parse.GetValue(width), parse.GetValue(layers), parse.GetValue(heads), parse.GetValue(maxLength)) with { IsCausal = parse.GetValue(causal) }
                : LLaDAConfigJson.Read(Path.Combine(source, Checkpoint.ConfigFile));
            if (config.EmbeddingSize < vocabulary.NumTokens || config.MaskTokenId != vocabulary.MaskId)
                throw new CheckpointException(source!, "was trained with another tokenizer");
            if (parse.GetValue(causal) && !config.IsCausal)
                throw new CheckpointException(source!, "is a diffusion model; --causal begins a twin anew");
            if (config.IsCausal && run.ClipsNoise(parse))
                throw new ArgumentException("A causal network is not trained by noise: --min-noise and --max-noise go with diffusion models");
            Require(config.Validate());
            if (parse.GetValue(length) < 1 || parse.GetValue(length) > config.MaxSequenceLength)
                throw new ArgumentException($"--sequence-length is {parse.GetValue(length)}; it must lie in [1, {config.MaxSequenceLength}], the longest canvas of the model");

            Directory.CreateDirectory(run.Run(parse));
            TokenSequences Sequences(string path, string name, long seed) => new(Documents.Pack(path, vocabulary, Path.Combine(run.Run(parse), name)), parse.GetValue(length), seed);
            using var training = Sequences(parse.GetRequiredValue(text), "training.tokens", options.Seed);
            using var held = Sequences(parse.GetRequiredValue(validation), "validation.tokens", Trainer.ValidationSeed);
            TrainingMemory.Require(config, config.NumParameters, ScalarType.Float32, run.ComputeType(parse), options, training.MaxLength, CPU);
            using var model = source is null ? Create(config, run.ComputeType(parse), options.Seed) : Checkpoint.Load(source, CPU, ScalarType.Float32, run.ComputeType(parse));
            Console.WriteLine($"{model.Config.NumParameters:N0} parameters, {training.NumRows:N0} sequences of {parse.GetValue(length)} tokens, {(double)options.LearningRate.NumSteps * options.BatchSize / training.NumRows:F1} epochs");

            RunOptions.Run(new Trainer(new FullWeights(model), training, held, options, run.Run(parse)), cancellation);
            RunOptions.Save(model, parse.GetRequiredValue(tokenizer).FullName, run.Output(parse));
        }, cancellation));
        return command;
    }

    private static void Require(IEnumerable<string> errors)
    {
        if (errors.ToList() is { Count: > 0 } sentences)
            throw new ArgumentException(string.Join("; ", sentences));
    }

    private static MaskPredictor Create(LLaDAConfig config, ScalarType computeType, long seed)
    {
        var model = new MaskPredictor(config, CPU, ScalarType.Float32, computeType);
        model.Initialize(seed);
        return model;
    }

    private static LLaDAConfig Config(LLaDATokenizer tokenizer, int width, int layers, int heads, int maxLength) => new()
    {
        ModelWidth = width,
        NumLayers = layers,
        NumHeads = heads,
        NumKeyValueHeads = heads,
        FeedForwardWidth = 3 * width,
        VocabularySize = tokenizer.NumTokens,
        EmbeddingSize = tokenizer.NumTokens,
        MaxSequenceLength = maxLength,
        RopeTheta = 10_000,
        TiesWeights = true,
        MaskTokenId = tokenizer.MaskId!.Value,
        EosTokenId = tokenizer.EndOfTextId,
        PadTokenId = tokenizer.EndOfTextId,
        EotTokenId = tokenizer.EndOfTurnId,
    };
}
