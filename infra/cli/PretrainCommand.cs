using System.CommandLine;
using System.Text.Json;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Cli;

/// <summary>Pretrains a model from scratch, or goes on from the run's last checkpoint.</summary>
internal static class PretrainCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    public static Command Create()
    {
        var text = new Option<FileInfo>("--text") { Description = "Documents to train on, JSON Lines of {\"text\"}", Required = true };
        var validation = new Option<FileInfo>("--validation") { Description = "Documents held out", Required = true };
        var tokenizer = new Option<DirectoryInfo>("--tokenizer") { Description = "Folder with tokenizer.json", Required = true };
        var run = new Option<DirectoryInfo>("--run") { Description = "Folder of the run: checkpoint and metrics.jsonl", Required = true };
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder for the finished model, in bfloat16", Required = true };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 2000 };
        var batchSize = new Option<int>("--batch-size") { DefaultValueFactory = _ => 32 };
        var length = new Option<int>("--sequence-length") { DefaultValueFactory = _ => 256 };
        var width = new Option<int>("--width") { DefaultValueFactory = _ => 256 };
        var layers = new Option<int>("--layers") { DefaultValueFactory = _ => 6 };
        var heads = new Option<int>("--heads") { DefaultValueFactory = _ => 4 };
        var rate = new Option<double>("--learning-rate") { DefaultValueFactory = _ => 2e-3 };
        var randomLength = new Option<double>("--random-length-ratio") { DefaultValueFactory = _ => 0.01 };
        var maxLength = new Option<int>("--max-length") { Description = "Longest canvas of the model", DefaultValueFactory = _ => 512 };
        var isFloat32 = new Option<bool>("--float32") { Description = "Multiply in float32 instead of bfloat16" };
        var command = new Command("pretrain", "Pretrains a model")
        {
            text, validation, tokenizer, run, output, steps, batchSize, length, width, layers, heads, rate, randomLength, maxLength, isFloat32,
        };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            LibTorch.Load();
            var vocabulary = new LLaDATokenizer(parse.GetRequiredValue(tokenizer).FullName);
            int numSteps = parse.GetValue(steps);
            double peak = parse.GetValue(rate);
            var options = new PretrainingOptions
            {
                BatchSize = parse.GetValue(batchSize),
                SequenceLength = parse.GetValue(length),
                LearningRate = new LearningRateSchedule(peak, peak / 50, Math.Min(100, numSteps / 10), numSteps * 3 / 10, numSteps),
                RandomLengthRatio = parse.GetValue(randomLength),
                StratifiesTimes = true,
                ComputeType = parse.GetValue(isFloat32) ? ScalarType.Float32 : ScalarType.BFloat16,
            };
            var config = Config(vocabulary, parse.GetValue(width), parse.GetValue(layers), parse.GetValue(heads), parse.GetValue(maxLength));
            string runFolder = Directory.CreateDirectory(parse.GetRequiredValue(run).FullName).FullName;
            Train(config, options, vocabulary, parse.GetRequiredValue(text).FullName, parse.GetRequiredValue(validation).FullName, runFolder, parse.GetRequiredValue(output).FullName, cancellation);
        }, cancellation));
        return command;
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

    private static void Train(
        LLaDAConfig config, PretrainingOptions options, LLaDATokenizer tokenizer, string text, string validationText, string run, string output, CancellationToken cancellation)
    {
        TokenSequences Sequences(string path) => new(TokenSequences.Pack(tokenizer, Documents.Read(path)), options.SequenceLength, options.Seed);
        var (training, validation) = (Sequences(text), Sequences(validationText));
        Console.WriteLine($"{config.NumParameters:N0} parameters, {training.NumSequences:N0} sequences of {options.SequenceLength} tokens, {(double)options.LearningRate.NumSteps * options.BatchSize / training.NumSequences:F1} epochs");

        using var model = new MaskPredictor(config, CPU, ScalarType.Float32, options.ComputeType);
        model.Initialize(options.Seed);
        using var log = new StreamWriter(Path.Combine(run, "metrics.jsonl"), append: true) { AutoFlush = true };
        new Trainer(model, training, validation, options, run).Run(metrics =>
        {
            log.WriteLine(JsonSerializer.Serialize(metrics, s_json));
            if (metrics.Step % 20 == 0 || metrics.ValidationLoss is not null)
                Console.WriteLine($"step {metrics.Step}  loss {metrics.Loss:F3}  grad {metrics.GradNorm:F2}  lr {metrics.LearningRate:E1}  {metrics.TokensPerSecond:F0} tokens/s  {metrics.ValidationLoss,6:F3}");
        }, cancellation);
        Checkpoint.Save(model, output, ScalarType.BFloat16);
    }
}
